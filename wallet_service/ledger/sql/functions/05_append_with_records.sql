-- Promise: ledger.append and ledger.write_records in one statement, hence in one transaction.
-- Locks: those of ledger.append.
create or replace function ledger.append_with_records(
  p_wallet_id uuid[], p_expected bigint[], p_revision bigint[], p_state smallint[], p_pending bigint[], p_available bigint[],
  p_reserved bigint[], p_frozen bigint[], p_version bigint[], p_floor bigint[], p_head bytea[], p_document text[],
  p_due bigint[],
  p_entry_wallet uuid[], p_seq bigint[], p_kind smallint[], p_source smallint[], p_target smallint[],
  p_amount bigint[], p_pending_after bigint[], p_available_after bigint[], p_reserved_after bigint[],
  p_frozen_after bigint[], p_subject uuid[], p_act uuid[], p_entry_lots text[], p_detail text[], p_at bigint[],
  p_hash bytea[],
  p_reservation_wallet uuid[], p_reservation uuid[], p_reservation_state smallint[], p_reservation_amount bigint[],
  p_committed bigint[], p_restored bigint[], p_order_ref text[], p_created bigint[], p_closed bigint[],
  p_reservation_document text[],
  p_credit_wallet uuid[], p_credit uuid[], p_credit_amount bigint[], p_credit_pending bigint[],
  p_credit_frozen bigint[], p_frozen_from_pending bigint[], p_clawed_back bigint[], p_reference text[],
  p_expires bigint[], p_credit_created bigint[], p_credit_document text[],
  p_operation_wallet uuid[], p_operation uuid[], p_operation_kind text[], p_content text[], p_actor text[],
  p_reason text[], p_operation_at bigint[], p_operation_document text[]
) returns uuid[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost uuid[];
begin
  v_lost := ledger.append(
    p_wallet_id, p_expected, p_revision, p_state, p_pending, p_available, p_reserved, p_frozen, p_version, p_floor,
    p_head, p_document, p_due, p_entry_wallet, p_seq, p_kind, p_source, p_target, p_amount, p_pending_after,
    p_available_after, p_reserved_after, p_frozen_after, p_subject, p_act, p_entry_lots, p_detail, p_at, p_hash,
    p_reservation_wallet, p_reservation, p_reservation_state, p_reservation_amount, p_committed, p_restored,
    p_order_ref, p_created, p_closed, p_reservation_document
  );
  perform ledger.write_records(
    v_lost, p_credit_wallet, p_credit, p_credit_amount, p_credit_pending, p_credit_frozen, p_frozen_from_pending,
    p_clawed_back, p_reference, p_expires, p_credit_created, p_credit_document, p_operation_wallet, p_operation,
    p_operation_kind, p_content, p_actor, p_reason, p_operation_at, p_operation_document
  );
  return v_lost;
end
$$;
revoke all on function ledger.append_with_records from public;
grant execute on function ledger.append_with_records to wallet_app;
