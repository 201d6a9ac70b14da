-- Promise: writes what was decided about events of the wallets that are still leased by p_lease (a null result stays as
-- it is), what that uses of caps and of slices of budgets, what it gives back of them (a negative amount of a cap; of a
-- budget, a row that names no slice), and wakes returns that waited for an order. Then gives the
-- wallets of p_release back to the queue, due when their next event is. Answers the wallets that are still leased: of the
-- others nothing is written. Raises WL002 if a slice has less left than is used: nothing is written, and the worker must
-- ask for another.
-- Locks: the wallets' rows in the queue in ascending order, then the budgets that get something back and the slices that
-- are spent, each in ascending order and in this order, as take_slice does; then the events.
create or replace function earning.record(
  p_lease uuid, p_wallets uuid[], p_events json, p_caps json, p_slices json, p_release uuid[]
) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- A few rows against large tables, which may look small: they have grown since they were last analyzed.
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_held uuid[];
  v_wanted bigint;
  v_rows bigint;
  -- Purchases that were decided: their wallets, and the orders whose returns need not wait any more.
  v_awake uuid[];
  v_wakes text[];
begin
  select coalesce(array_agg(q.wallet_id), '{}') into v_held
  from (
    select x.wallet_id from earning.queue as x
    where x.wallet_id = any (p_wallets) and x.lease = p_lease
    order by x.wallet_id
    for no key update
  ) as q;

  -- A budget's row is written only when something comes back: not for every event.
  perform b.cap_key
  from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, cap_key text)
  join earning.queue as q on q.wallet_id = n.wallet_id
  join earning.budget as b on b.program_id = q.program_id and b.cap_key = n.cap_key
  where n.slice_id is null and n.wallet_id = any (v_held)
  order by b.program_id, b.cap_key
  for no key update of b;
  update earning.budget as b
  set taken = b.taken - r.amount, refilled = b.refilled + r.amount
  from (
    select q.program_id, n.cap_key, sum(n.amount) as amount
    from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, cap_key text, amount bigint)
    join earning.queue as q on q.wallet_id = n.wallet_id
    where n.slice_id is null and n.wallet_id = any (v_held)
    group by q.program_id, n.cap_key
  ) as r
  where b.program_id = r.program_id and b.cap_key = r.cap_key;

  perform s.slice_id from earning.budget_slice as s
  where s.slice_id in (select n.slice_id from json_to_recordset(p_slices) as n (slice_id uuid))
  order by s.slice_id
  for no key update;
  with used as (
    select n.slice_id, sum(n.amount) as amount
    from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, amount bigint)
    where n.slice_id is not null and n.wallet_id = any (v_held)
    group by n.slice_id
  ),
  spent as (
    update earning.budget_slice as s
    set used = s.used + u.amount
    from used as u
    where s.slice_id = u.slice_id and s.open and s.used + u.amount <= s.granted
    returning s.slice_id
  )
  select (select count(*) from used), (select count(*) from spent) into v_wanted, v_rows;
  if v_wanted <> v_rows then
    raise exception 'a slice of a budget is short' using errcode = 'WL002';
  end if;

  with n as materialized (
    select n.*
    from json_to_recordset(p_events) as n (
      wallet_id uuid, event_id uuid, state smallint, due bigint, tries smallint, amount bigint, clawed_back bigint,
      debt bigint, result json, wakes text
    )
    where n.wallet_id = any (v_held)
  ),
  written as (
    update earning.event as e
    set
      state = n.state, due_at = ledger.moment(n.due), tries = n.tries, amount = n.amount,
      clawed_back = n.clawed_back, debt = n.debt, result = coalesce(n.result, e.result)
    from n
    where e.wallet_id = n.wallet_id and e.event_id = n.event_id
  )
  select array_agg(n.wallet_id), array_agg(n.wakes) into v_awake, v_wakes from n where n.wakes <> '';

  -- What goes back was counted before, so its row is there.
  update earning.cap_use as c
  set used = c.used + r.amount
  from (
    select n.wallet_id, n.cap_key, sum(n.amount) as amount
    from json_to_recordset(p_caps) as n (wallet_id uuid, cap_key text, amount bigint)
    where n.wallet_id = any (v_held)
    group by n.wallet_id, n.cap_key
    having sum(n.amount) < 0
  ) as r
  where c.wallet_id = r.wallet_id and c.cap_key = r.cap_key;
  insert into earning.cap_use as c (wallet_id, cap_key, used)
  select n.wallet_id, n.cap_key, sum(n.amount)
  from json_to_recordset(p_caps) as n (wallet_id uuid, cap_key text, amount bigint)
  where n.wallet_id = any (v_held)
  group by n.wallet_id, n.cap_key
  having sum(n.amount) >= 0
  order by n.wallet_id, n.cap_key
  on conflict (wallet_id, cap_key) do update set used = c.used + excluded.used;

  -- Who decided a purchase says so, and its returns need not wait any more.
  update earning.event as e
  set due_at = '1970-01-01T00:00:00Z'
  from unnest(v_awake, v_wakes) as n (wallet_id, wakes)
  where
    e.wallet_id = n.wallet_id and e.order_ref = n.wakes
    and e.kind = 8 and e.state = 1 and e.result -> 'reasons' ->> 0 = 'WAITS_FOR_PURCHASE';

  update earning.queue as q
  set
    lease = null, leased_until = '1970-01-01T00:00:00Z',
    due_at = coalesce(
      (
        select min(e.due_at) from earning.event as e
        where e.wallet_id = q.wallet_id and e.due_at < '9999-01-01T00:00:00Z'
      ),
      'infinity'
    )
  where q.wallet_id = any (v_held) and q.wallet_id = any (p_release);
  delete from earning.queue as q
  where q.wallet_id = any (v_held) and q.wallet_id = any (p_release) and q.due_at = 'infinity';

  return query select unnest(v_held);
end
$$;
revoke all on function earning.record from public;
grant execute on function earning.record to wallet_app;
