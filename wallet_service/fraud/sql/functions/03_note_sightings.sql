-- Promise: notes that wallets were seen with devices, addresses, payment methods and referrers. What was known under
-- another key of the ring is from now on known under this one; first and last sight only ever move apart.
-- Locks: the devices, then the links, each in ascending order, so that two callers that bring the same cannot deadlock.
create or replace function fraud.note_sightings(p_sightings json) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_rows bigint;
  v_seen record;
begin
  -- Only while one key takes the place of another; then one by one, for each may be there under several.
  for v_seen in
    select n.program_id, n.wallet_id, n.kind, n.key, f.former
    from json_to_recordset(p_sightings) as n (program_id text, wallet_id uuid, kind text, key text, others text[])
    cross join lateral unnest(n.others) as f (former)
    order by n.program_id, n.kind, n.key, f.former, n.wallet_id
  loop
    with old as (
      delete from fraud.device as d
      where d.program_id = v_seen.program_id and d.kind = v_seen.kind and d.key = v_seen.former
      returning d.first_seen, d.last_seen
    )
    insert into fraud.device as d (program_id, kind, key, first_seen, last_seen)
    select v_seen.program_id, v_seen.kind, v_seen.key, o.first_seen, o.last_seen from old as o
    on conflict (program_id, kind, key) do update
    set first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen);
    with old as (
      delete from fraud.wallet_device as l
      where l.wallet_id = v_seen.wallet_id and l.kind = v_seen.kind and l.key = v_seen.former
      returning l.first_seen, l.last_seen
    )
    insert into fraud.wallet_device as l (wallet_id, kind, key, program_id, first_seen, last_seen)
    select v_seen.wallet_id, v_seen.kind, v_seen.key, v_seen.program_id, o.first_seen, o.last_seen from old as o
    on conflict (wallet_id, kind, key) do update
    set first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen);
  end loop;

  insert into fraud.device as d (program_id, kind, key, first_seen, last_seen)
  select n.program_id, n.kind, n.key, min(ledger.moment(n.at)), max(ledger.moment(n.at))
  from json_to_recordset(p_sightings) as n (program_id text, kind text, key text, at bigint)
  group by n.program_id, n.kind, n.key
  order by n.program_id, n.kind, n.key
  on conflict (program_id, kind, key) do update
  set first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen);

  insert into fraud.wallet_device as l (wallet_id, kind, key, program_id, first_seen, last_seen)
  select n.wallet_id, n.kind, n.key, n.program_id, min(ledger.moment(n.at)), max(ledger.moment(n.at))
  from json_to_recordset(p_sightings) as n (program_id text, wallet_id uuid, kind text, key text, at bigint)
  group by n.wallet_id, n.kind, n.key, n.program_id
  order by n.wallet_id, n.kind, n.key
  on conflict (wallet_id, kind, key) do update
  set first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen);
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
revoke all on function fraud.note_sightings from public;
grant execute on function fraud.note_sightings to wallet_app;
