-- Promise: ledger.append and ledger.write_records in one statement, hence in one transaction.
-- Locks: those of ledger.append.
create or replace function ledger.append_with_records(
  p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[],
  p_credits ledger.credit_row[], p_operations ledger.operation_row[]
) returns uuid[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost uuid[];
begin
  v_lost := ledger.append(p_wallets, p_entries, p_reservations);
  perform ledger.write_records(v_lost, p_credits, p_operations);
  return v_lost;
end
$$;
revoke all on function ledger.append_with_records from public;
grant execute on function ledger.append_with_records to wallet_app;
