-- Promise: writes what a ring fell into, in the transaction that took the turn: the parts with their sizes (the ring
-- itself may be one of them, or have none), who moved into which part, and who is alone now.
-- Locks: none but the rows it writes; the turn of fraud.take_stale_ring keeps everybody else away.
create or replace function fraud.record_split(p_ring uuid, p_rings json, p_members json, p_alone uuid[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  update fraud.ring as r
  set wallets = 0, stale = false, changed_at = clock_timestamp(), revision = r.revision + 1
  where r.ring_id = p_ring;

  insert into fraud.ring as r (ring_id, wallets, changed_at)
  select n.ring_id, n.wallets, clock_timestamp()
  from json_to_recordset(p_rings) as n (ring_id uuid, wallets integer)
  on conflict (ring_id) do update
  set wallets = excluded.wallets;

  update fraud.ring_member as m
  set ring_id = n.ring_id
  from json_to_recordset(p_members) as n (wallet_id uuid, ring_id uuid)
  where m.wallet_id = n.wallet_id;

  delete from fraud.ring_member as m where m.wallet_id = any (p_alone);
end
$$;
revoke all on function fraud.record_split from public;
grant execute on function fraud.record_split to wallet_app;
