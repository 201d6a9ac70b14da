-- Promise: writes what a batch decided, all of it in one transaction, for every wallet that nobody changed since it was
-- loaded; answers the wallets that somebody did change, for which nothing is written.
-- Locks: the named wallets, in ascending order, so that two batches that meet on two wallets cannot deadlock. A join
-- does not keep an order: lock first, then write.
-- Why it checks what it is given: it is the only way in, so balances, entry numbers and moves must agree here even if
-- the caller is wrong. WL001 is raised when they do not; nothing of the batch is written then.
create or replace function ledger.append(
  p_wallet_id uuid[], p_expected bigint[], p_revision bigint[], p_state smallint[], p_pending bigint[], p_available bigint[],
  p_reserved bigint[], p_frozen bigint[], p_version bigint[], p_floor bigint[], p_head bytea[], p_document text[],
  p_due bigint[],
  p_entry_wallet uuid[], p_seq bigint[], p_kind smallint[], p_source smallint[], p_target smallint[],
  p_amount bigint[], p_pending_after bigint[], p_available_after bigint[], p_reserved_after bigint[],
  p_frozen_after bigint[], p_subject uuid[], p_act uuid[], p_entry_lots text[], p_detail text[], p_at bigint[],
  p_hash bytea[],
  p_reservation_wallet uuid[], p_reservation uuid[], p_reservation_state smallint[], p_reservation_amount bigint[],
  p_committed bigint[], p_restored bigint[], p_order_ref text[], p_created bigint[], p_closed bigint[],
  p_reservation_document text[]
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
  from (
    select u.wallet_id, u.expected
    from unnest(p_wallet_id, p_expected) as u (wallet_id, expected)
    order by u.wallet_id
  ) as n
  left join lateral (
    select x.revision from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update
  ) as w on true;

  -- Entry numbers follow on without a gap, and the moves add up to the new balances.
  select n.wallet_id into v_wrong
  from unnest(p_wallet_id, p_pending, p_available, p_reserved, p_frozen, p_version)
    as n (wallet_id, pending, available, reserved, frozen, version)
  join ledger.wallet as w on w.wallet_id = n.wallet_id
  left join (
    select
      e.wallet_id, count(*) as entries, min(e.seq) as first_seq,
      sum(case e.target when 1 then e.amount else 0 end - case e.source when 1 then e.amount else 0 end) as pending,
      sum(case e.target when 2 then e.amount else 0 end - case e.source when 2 then e.amount else 0 end) as available,
      sum(case e.target when 3 then e.amount else 0 end - case e.source when 3 then e.amount else 0 end) as reserved,
      sum(case e.target when 4 then e.amount else 0 end - case e.source when 4 then e.amount else 0 end) as frozen
    from unnest(p_entry_wallet, p_seq, p_source, p_target, p_amount) as e (wallet_id, seq, source, target, amount)
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
    floor_minor = least(n.floor, w.available, 0), version = n.version, revision = n.revision, head = n.head,
    document = n.document::json, due_at = least(w.due_at, ledger.moment(n.due))
  from unnest(
    p_wallet_id, p_expected, p_revision, p_state, p_pending, p_available, p_reserved, p_frozen, p_version, p_floor,
    p_head, p_document, p_due
  ) as n (
    wallet_id, expected, revision, state, pending, available, reserved, frozen, version, floor, head, document, due
  )
  where w.wallet_id = n.wallet_id and w.revision = n.expected;

  insert into ledger.entry (
    wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
    subject_id, act_id, lots, detail, at, hash
  )
  select
    e.wallet_id, e.seq, e.kind, e.source, e.target, e.amount, e.pending, e.available, e.reserved, e.frozen,
    e.subject, e.act, e.lots::json, e.detail, ledger.moment(e.at), e.hash
  from unnest(
    p_entry_wallet, p_seq, p_kind, p_source, p_target, p_amount, p_pending_after, p_available_after,
    p_reserved_after, p_frozen_after, p_subject, p_act, p_entry_lots, p_detail, p_at, p_hash
  ) as e (
    wallet_id, seq, kind, source, target, amount, pending, available, reserved, frozen, subject, act, lots, detail,
    at, hash
  )
  where v_lost is null or e.wallet_id <> all (v_lost);

  if cardinality(p_reservation) > 0 then
    -- A row is final; only a refund adds to it.
    insert into ledger.reservation as r (
      wallet_id, reservation_id, state, amount, committed, restored, order_ref, created_at, closed_at, document
    )
    select
      n.wallet_id, n.reservation_id, n.state, n.amount, n.committed, n.restored, n.order_ref,
      ledger.moment(n.created), ledger.moment(n.closed), n.document::json
    from unnest(
      p_reservation_wallet, p_reservation, p_reservation_state, p_reservation_amount, p_committed, p_restored,
      p_order_ref, p_created, p_closed, p_reservation_document
    ) as n (
      wallet_id, reservation_id, state, amount, committed, restored, order_ref, created, closed, document
    )
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
