-- Promise: writes what joining decided, in the transaction that took the turn: the links that are joined, their keys,
-- the rings as they are now, which rings were taken in by which, and which wallets came into which ring.
-- Locks: none but the rows it writes; the turn of fraud.take_links keeps everybody else away.
create or replace function fraud.record_joins(
  p_links json, p_keys json, p_rings json, p_merged json, p_members json
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  update fraud.link as l
  set joined = true
  from json_to_recordset(p_links) as n (wallet_id uuid, kind smallint, key text)
  where l.wallet_id = n.wallet_id and l.kind = n.kind and l.key = decode(n.key, 'hex');

  insert into fraud.link_key as k (kind, key, degree, hub, wallet_id)
  select n.kind, decode(n.key, 'hex'), n.degree, n.hub, n.wallet_id
  from json_to_recordset(p_keys) as n (kind smallint, key text, degree integer, hub boolean, wallet_id uuid)
  on conflict (kind, key) do update
  set degree = excluded.degree, hub = excluded.hub, wallet_id = excluded.wallet_id;

  insert into fraud.ring as r (ring_id, wallets, stale, changed_at)
  select n.ring_id, n.wallets, n.stale, clock_timestamp()
  from json_to_recordset(p_rings) as n (ring_id uuid, wallets integer, stale boolean)
  on conflict (ring_id) do update
  set
    wallets = excluded.wallets, stale = r.stale or excluded.stale, changed_at = excluded.changed_at,
    revision = r.revision + 1;

  -- What is to be looked at again stays so when it becomes a part of something larger.
  update fraud.ring as r
  set stale = true
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  join fraud.ring as g on g.ring_id = n.ring_id
  where r.ring_id = n.target_id and g.stale;

  update fraud.ring_member as m
  set ring_id = n.target_id
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  where m.ring_id = n.ring_id;

  update fraud.ring as r
  set
    wallets = 0, stale = false, merged_into = n.target_id, changed_at = clock_timestamp(),
    judged_revision = r.revision
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  where r.ring_id = n.ring_id;

  insert into fraud.ring_member as m (wallet_id, ring_id)
  select n.wallet_id, n.ring_id
  from json_to_recordset(p_members) as n (wallet_id uuid, ring_id uuid)
  on conflict (wallet_id) do update
  set ring_id = excluded.ring_id;
end
$$;
revoke all on function fraud.record_joins from public;
grant execute on function fraud.record_joins to wallet_app;
