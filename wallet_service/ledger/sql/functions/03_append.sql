-- Promise: writes what a batch decided, all of it in one transaction, for every wallet that nobody changed since it was
-- loaded; answers the wallets that somebody did change, for which nothing is written.
-- Locks: the named wallets, in ascending order, so that two batches that meet on two wallets cannot deadlock. A join
-- does not keep an order: lock first, then write.
-- Why it checks what it is given: it is the only way in, so balances, entry numbers and moves must agree here even if
-- the caller is wrong. WL001 is raised when they do not; nothing of the batch is written then.
create or replace function ledger.append(
  p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]
) returns uuid[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_lost uuid[];
  v_wrong uuid;
begin
  select array_agg(n.wallet_id) filter (where w.revision is distinct from n.expected)
  into v_lost
  from (select u.wallet_id, u.expected from unnest(p_wallets) as u order by u.wallet_id) as n
  left join lateral (
    select x.revision from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update
  ) as w on true;

  -- Entry numbers follow on without a gap, and the moves add up to the new balances.
  select n.wallet_id into v_wrong
  from unnest(p_wallets) as n
  join ledger.wallet as w on w.wallet_id = n.wallet_id
  left join (
    select
      e.wallet_id, count(*) as entries, min(e.seq) as first_seq,
      sum(case e.target when 1 then e.amount else 0 end - case e.source when 1 then e.amount else 0 end) as pending,
      sum(case e.target when 2 then e.amount else 0 end - case e.source when 2 then e.amount else 0 end) as available,
      sum(case e.target when 3 then e.amount else 0 end - case e.source when 3 then e.amount else 0 end) as reserved,
      sum(case e.target when 4 then e.amount else 0 end - case e.source when 4 then e.amount else 0 end) as frozen
    from unnest(p_entries) as e
    group by e.wallet_id
  ) as m on m.wallet_id = n.wallet_id
  where (v_lost is null or n.wallet_id <> all (v_lost))
    and (
      n.version <> w.version + coalesce(m.entries, 0)
      or m.first_seq <> w.version + 1
      or n.pending <> w.pending + coalesce(m.pending, 0)
      or n.available <> w.available + coalesce(m.available, 0)
      or n.reserved <> w.reserved + coalesce(m.reserved, 0)
      or n.frozen <> w.frozen + coalesce(m.frozen, 0)
    )
  limit 1;
  if found then
    raise exception 'the entries of wallet % do not add up to its balances', v_wrong using errcode = 'WL001';
  end if;

  update ledger.wallet as w
  set
    state = n.state, pending = n.pending, available = n.available, reserved = n.reserved, frozen = n.frozen,
    -- A program whose floor was raised still lets a wallet below it live; only deeper it cannot fall.
    floor_minor = least(n.floor, w.available, 0), version = n.version, revision = n.revision, head = n.head,
    document = n.document::json, due_at = least(w.due_at, ledger.moment(n.due))
  from unnest(p_wallets) as n
  where w.wallet_id = n.wallet_id and w.revision = n.expected;

  insert into ledger.entry (
    wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
    subject_id, act_id, lots, detail, at, hash
  )
  select
    e.wallet_id, e.seq, e.kind, e.source, e.target, e.amount, e.pending, e.available, e.reserved, e.frozen,
    e.subject, e.act, e.lots::json, e.detail, ledger.moment(e.at), e.hash
  from unnest(p_entries) as e
  where v_lost is null or e.wallet_id <> all (v_lost);

  if cardinality(p_reservations) > 0 then
    -- A row is final; only a refund adds to it.
    insert into ledger.reservation as r (
      wallet_id, reservation_id, state, amount, committed, restored, order_ref, created_at, closed_at, document
    )
    select
      n.wallet_id, n.reservation_id, n.state, n.amount, n.committed, n.restored, n.order_ref,
      ledger.moment(n.created), ledger.moment(n.closed), n.document::json
    from unnest(p_reservations) as n
    where v_lost is null or n.wallet_id <> all (v_lost)
    on conflict (wallet_id, reservation_id) do update
    set restored = excluded.restored, document = excluded.document
    where r.state = excluded.state and r.committed = excluded.committed and r.restored < excluded.restored;
  end if;

  return v_lost;
end
$$;
revoke all on function ledger.append from public;
grant execute on function ledger.append to wallet_app;
