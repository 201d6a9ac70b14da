-- Promise: the number of a wallet's last entry at or before a moment; 0 if there is none. A wallet's entries never run
-- backwards in time, so the number is found by halving: twenty probes of the key in a million entries.
-- Locks: none.
create or replace function ledger.seq_at(p_wallet_id uuid, p_at timestamptz) returns bigint
language plpgsql stable strict
set search_path = pg_catalog, pg_temp
as $$
declare
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
begin
  select coalesce(max(e.seq), 0) into v_high from ledger.entry as e where e.wallet_id = p_wallet_id;
  while v_low < v_high loop
    v_middle := (v_low + v_high + 1) / 2;
    if exists (
      select from ledger.entry as e where e.wallet_id = p_wallet_id and e.seq = v_middle and e.at <= p_at
    ) then
      v_low := v_middle;
    else
      v_high := v_middle - 1;
    end if;
  end loop;
  return v_low;
end
$$;
