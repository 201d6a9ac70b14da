-- Promise: forgets at most p_limit links and devices of a program that were last seen before a moment; answers how many.
-- Locks: the rows that go; skips those that somebody is seeing again just now.
create or replace function fraud.forget_sightings(p_program_id text, p_before bigint, p_limit bigint) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_links bigint;
  v_devices bigint;
begin
  delete from fraud.wallet_device as l
  using (
    select x.wallet_id, x.kind, x.key from fraud.wallet_device as x
    where x.program_id = p_program_id and x.last_seen < ledger.moment(p_before)
    order by x.last_seen
    limit p_limit
  ) as old
  where
    l.wallet_id = old.wallet_id and l.kind = old.kind and l.key = old.key and l.last_seen < ledger.moment(p_before);
  get diagnostics v_links = row_count;
  delete from fraud.device as d
  using (
    select x.kind, x.key from fraud.device as x
    where x.program_id = p_program_id and x.last_seen < ledger.moment(p_before)
    order by x.last_seen
    limit p_limit
  ) as old
  where
    d.program_id = p_program_id and d.kind = old.kind and d.key = old.key and d.last_seen < ledger.moment(p_before);
  get diagnostics v_devices = row_count;
  return v_links + v_devices;
end
$$;
revoke all on function fraud.forget_sightings from public;
grant execute on function fraud.forget_sightings to wallet_app;
