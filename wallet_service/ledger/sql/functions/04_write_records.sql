-- Promise: writes the credits and operations of a batch, but for the wallets that lost the race.
-- Locks: the credits' rows; the wallets are held by ledger.append in the same transaction.
create or replace function ledger.write_records(
  p_lost uuid[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_rows bigint;
begin
  insert into ledger.credit as c (
    wallet_id, credit_id, amount, pending, frozen, frozen_from_pending, clawed_back, reference, expires_at,
    created_at, document
  )
  select
    n.wallet_id, n.credit_id, n.amount, n.pending, n.frozen, n.frozen_from_pending, n.clawed_back, n.reference,
    ledger.moment(n.expires), ledger.moment(n.created), n.document::json
  from unnest(p_credits) as n
  where p_lost is null or n.wallet_id <> all (p_lost)
  on conflict (wallet_id, credit_id) do update
  set
    pending = excluded.pending, frozen = excluded.frozen, frozen_from_pending = excluded.frozen_from_pending,
    clawed_back = excluded.clawed_back, document = excluded.document
  where c.amount = excluded.amount and c.clawed_back <= excluded.clawed_back;
  get diagnostics v_rows = row_count;
  if v_rows <> (select count(*) from unnest(p_credits) as n where p_lost is null or n.wallet_id <> all (p_lost)) then
    raise exception 'what is final of a credit would change' using errcode = 'WL001';
  end if;

  insert into ledger.operation (wallet_id, operation_id, kind, content, actor, reason, at, document)
  select
    n.wallet_id, n.operation_id, n.kind, n.content, n.actor, n.reason, ledger.moment(n.at), n.document::json
  from unnest(p_operations) as n
  where p_lost is null or n.wallet_id <> all (p_lost);
end
$$;
-- Not for the service itself: only ledger.append_with_records calls it, as the owner, for wallets that it holds.
revoke all on function ledger.write_records from public, wallet_app;
