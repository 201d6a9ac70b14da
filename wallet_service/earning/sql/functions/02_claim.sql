-- Promise: leases up to p_limit wallets in which an event is due by the program's clock, and answers them with that
-- clock. First every program with something due gets its share of the limit, then the rest goes to the program that is
-- the longest overdue: no backlog of one keeps another waiting. Within a program the longest due comes first. If there
-- are more programs than the limit, those go first that are the longest overdue. A lease that ran out may be taken by
-- anybody: its token then opens nothing any more.
-- Why in two turns: shares are locked as they are chosen, so no more rows are locked than are leased, however many
-- programs there are; a head is found by one look into the index for each.
-- Locks: the claimed rows of the queue; those that somebody else holds are left to him.
create or replace function earning.claim(p_lease uuid, p_seconds integer, p_limit integer)
returns table (wallet_id uuid, program_id text, now bigint, customer_ref text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_programs text[];
  v_clocks timestamptz[];
  v_left integer := p_limit;
  v_share integer;
  v_rows integer;
begin
  select
    array_agg(p.program_id order by p.clock - h.due_at desc, p.program_id),
    array_agg(p.clock order by p.clock - h.due_at desc, p.program_id)
  into v_programs, v_clocks
  from (
    select x.program_id, coalesce(x.clock_at, clock_timestamp()) as clock from ledger.program as x
  ) as p
  cross join lateral (
    select z.due_at
    from earning.queue as z
    where z.program_id = p.program_id and z.due_at <= p.clock and z.leased_until <= clock_timestamp()
    order by z.due_at
    limit 1
  ) as h;

  v_share := greatest(1, p_limit / greatest(1, coalesce(cardinality(v_programs), 0)));
  -- The second turn is for what the shares left over.
  for v_turn in 1..2 loop
    exit when v_programs is null or v_left <= 0;
    return query
    with due as materialized (
      select y.wallet_id, y.customer_ref, p.clock
      from unnest(v_programs, v_clocks) as p (program_id, clock)
      cross join lateral (
        select z.wallet_id, w.customer_ref
        from earning.queue as z
        join ledger.wallet as w on w.wallet_id = z.wallet_id
        where z.program_id = p.program_id and z.due_at <= p.clock and z.leased_until <= clock_timestamp()
        order by z.due_at
        limit v_share
        for no key update of z skip locked
      ) as y
      limit v_left
    )
    update earning.queue as q
    set lease = p_lease, leased_until = clock_timestamp() + p_seconds * interval '1 second'
    from due as d
    -- Said again outside of the selection: on a spread table the lock inside alone does not keep two claims apart.
    where q.wallet_id = d.wallet_id and q.leased_until <= clock_timestamp()
    returning q.wallet_id, q.program_id, ledger.microseconds(d.clock), d.customer_ref;
    get diagnostics v_rows = row_count;
    v_left := v_left - v_rows;
    v_share := v_left;
    exit when cardinality(v_programs) = 1;
  end loop;
end
$$;
revoke all on function earning.claim from public;
grant execute on function earning.claim to wallet_app;
