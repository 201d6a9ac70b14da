-- Promise: writes what a batch decided, all of it in one transaction, for every wallet that nobody changed since it was
-- loaded; answers the wallets that somebody did change, for which nothing is written.
-- Locks: the named wallets, in ascending order, so that two batches that meet on two wallets cannot deadlock. A join
-- does not keep an order: lock first, then write.
-- Why it checks what it is given: it is the only way in, so balances, entry numbers and moves must agree here even if
-- the caller is wrong. WL001 is raised when they do not, or when something final would change; nothing of the batch is
-- written then.
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
  v_rows bigint;
begin
  -- Who has changed since, and the first whose entries do not follow on without a gap, move the balances that they show,
  -- end at those of the wallet, and belong to a wallet that is locked. One statement: the rows are looked up once.
  with locked as materialized (
    select
      n.wallet_id, w.revision is distinct from n.expected as is_lost, n.expected, n.revision, n.version, n.pending,
      n.available, n.reserved, n.frozen, n.head, w.version as old_version, w.pending as old_pending,
      w.available as old_available, w.reserved as old_reserved, w.frozen as old_frozen, w.head as old_head
    from (select u.* from unnest(p_wallets) as u order by u.wallet_id) as n
    left join lateral (
      select x.revision, x.version, x.pending, x.available, x.reserved, x.frozen, x.head
      from ledger.wallet as x
      where x.wallet_id = n.wallet_id
      for no key update
    ) as w on true
  ),
  steps as (
    select
      u.wallet_id, u.seq, u.source, u.target, u.amount, u.pending, u.available, u.reserved, u.frozen, u.hash,
      lag(u.seq) over steps as seq_before, lag(u.pending) over steps as pending_before,
      lag(u.available) over steps as available_before, lag(u.reserved) over steps as reserved_before,
      lag(u.frozen) over steps as frozen_before, lead(u.seq) over steps is null as is_last
    from unnest(p_entries) as u
    window steps as (partition by u.wallet_id order by u.seq)
  )
  select
    (select array_agg(l.wallet_id) from locked as l where l.is_lost),
    (
      select coalesce(n.wallet_id, e.wallet_id)
      from locked as n
      full join steps as e on e.wallet_id = n.wallet_id
      where
        n.wallet_id is null
        or not n.is_lost and (
          n.revision <= n.expected
          or case
            when e.seq is null then
              (n.version, n.pending, n.available, n.reserved, n.frozen, n.head)
              is distinct from
              (n.old_version, n.old_pending, n.old_available, n.old_reserved, n.old_frozen, n.old_head)
            else
              e.seq <> coalesce(e.seq_before, n.old_version) + 1
              or e.pending <> coalesce(e.pending_before, n.old_pending)
              + case e.target when 1 then e.amount else 0 end - case e.source when 1 then e.amount else 0 end
              or e.available <> coalesce(e.available_before, n.old_available)
              + case e.target when 2 then e.amount else 0 end - case e.source when 2 then e.amount else 0 end
              or e.reserved <> coalesce(e.reserved_before, n.old_reserved)
              + case e.target when 3 then e.amount else 0 end - case e.source when 3 then e.amount else 0 end
              or e.frozen <> coalesce(e.frozen_before, n.old_frozen)
              + case e.target when 4 then e.amount else 0 end - case e.source when 4 then e.amount else 0 end
              or e.is_last
              and (n.version, n.pending, n.available, n.reserved, n.frozen, n.head)
              is distinct from (e.seq, e.pending, e.available, e.reserved, e.frozen, e.hash)
          end
        )
      limit 1
    )
  into v_lost, v_wrong;
  if v_wrong is not null then
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
    where n.wallet_id in (select u.wallet_id from unnest(p_wallets) as u)
      and (v_lost is null or n.wallet_id <> all (v_lost))
    on conflict (wallet_id, reservation_id) do update
    set restored = excluded.restored, document = excluded.document
    where r.state = excluded.state and r.amount = excluded.amount and r.committed = excluded.committed
      and r.restored < excluded.restored;
    get diagnostics v_rows = row_count;
    if v_rows <> (
      select count(*) from unnest(p_reservations) as n where v_lost is null or n.wallet_id <> all (v_lost)
    ) then
      raise exception 'a reservation that has ended would change' using errcode = 'WL001';
    end if;
  end if;

  return v_lost;
end
$$;
revoke all on function ledger.append from public;
grant execute on function ledger.append to wallet_app;
