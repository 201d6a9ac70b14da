-- Promise: opens a wallet, or does nothing if it is open; answers true if it was opened now, null if there is no such
-- program. The moment is the program's: its test clock, or the database's.
-- Locks: the new row.
create or replace function ledger.open_wallet(
  p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now bigint;
begin
  select ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) into v_now
  from ledger.program as p
  where p.program_id = p_program_id;
  if not found then
    return null;
  end if;
  insert into ledger.wallet (wallet_id, program_id, customer_ref, head, document)
  values (
    p_wallet_id, p_program_id, p_customer_ref, p_head,
    format('[[],[],[],[],253402300799000000,%s,%s,[]]', v_now, v_now)::json
  )
  on conflict (wallet_id) do nothing;
  return found;
end
$$;
revoke all on function ledger.open_wallet from public;
grant execute on function ledger.open_wallet to wallet_app;
