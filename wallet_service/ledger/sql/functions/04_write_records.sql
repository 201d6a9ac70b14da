-- Promise: ledger.append, and with it the credits and operations of the batch, in the same transaction. Of wallets that
-- lost the race nothing is written. Rarely called beside the checkout's own appends, hence a function of its own.
-- Locks: those of ledger.append.
create or replace function ledger.write_records(
  p_lost uuid[],
  p_credit_wallet uuid[], p_credit uuid[], p_amount bigint[], p_pending bigint[], p_frozen bigint[],
  p_frozen_from_pending bigint[], p_clawed_back bigint[], p_reference text[], p_expires bigint[], p_created bigint[],
  p_credit_document text[],
  p_operation_wallet uuid[], p_operation uuid[], p_kind text[], p_content text[], p_actor text[], p_reason text[],
  p_at bigint[], p_operation_document text[]
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  insert into ledger.credit as c (
    wallet_id, credit_id, amount, pending, frozen, frozen_from_pending, clawed_back, reference, expires_at,
    created_at, document
  )
  select
    n.wallet_id, n.credit_id, n.amount, n.pending, n.frozen, n.frozen_from_pending, n.clawed_back, n.reference,
    ledger.moment(n.expires), ledger.moment(n.created), n.document::json
  from unnest(
    p_credit_wallet, p_credit, p_amount, p_pending, p_frozen, p_frozen_from_pending, p_clawed_back, p_reference,
    p_expires, p_created, p_credit_document
  ) as n (
    wallet_id, credit_id, amount, pending, frozen, frozen_from_pending, clawed_back, reference, expires, created,
    document
  )
  where p_lost is null or n.wallet_id <> all (p_lost)
  on conflict (wallet_id, credit_id) do update
  set
    pending = excluded.pending, frozen = excluded.frozen, frozen_from_pending = excluded.frozen_from_pending,
    clawed_back = excluded.clawed_back, document = excluded.document
  where c.amount = excluded.amount and c.clawed_back <= excluded.clawed_back;

  insert into ledger.operation (wallet_id, operation_id, kind, content, actor, reason, at, document)
  select
    n.wallet_id, n.operation_id, n.kind, n.content, n.actor, n.reason, ledger.moment(n.at), n.document::json
  from unnest(
    p_operation_wallet, p_operation, p_kind, p_content, p_actor, p_reason, p_at, p_operation_document
  ) as n (wallet_id, operation_id, kind, content, actor, reason, at, document)
  where p_lost is null or n.wallet_id <> all (p_lost);
end
$$;
revoke all on function ledger.write_records from public;
grant execute on function ledger.write_records to wallet_app;
