-- Promise: remembers that wallets were seen with keys, each pair once, and with the program of the wallet. A pair that
-- is known only has its times widened, and only when that is worth a write (an hour). Answers how many are new; those
-- wait to be joined into rings.
-- Locks: the links that change, in ascending order, so that two who note the same do not wait for each other in a circle.
create or replace function fraud.note_links(
  p_wallets uuid[], p_kinds smallint[], p_keys bytea[], p_seen bigint[]
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_new bigint;
begin
  if cardinality(p_wallets) > 1000 then
    raise exception 'too many links at once' using errcode = 'WL001';
  end if;
  with said as (
    select
      n.wallet_id, n.kind, n.key, ledger.moment(min(n.seen)) as first_seen, ledger.moment(max(n.seen)) as last_seen,
      coalesce((select w.program_id from ledger.wallet as w where w.wallet_id = n.wallet_id), '') as program_id
    from unnest(p_wallets, p_kinds, p_keys, p_seen) as n (wallet_id, kind, key, seen)
    group by n.wallet_id, n.kind, n.key
    order by n.wallet_id, n.kind, n.key
  ),
  noted as (
    insert into fraud.link as l (wallet_id, kind, key, first_seen, last_seen, program_id)
    select s.wallet_id, s.kind, s.key, s.first_seen, s.last_seen, s.program_id from said as s
    on conflict (wallet_id, kind, key) do update
    set
      first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen),
      program_id = excluded.program_id
    where
      excluded.last_seen > l.last_seen + interval '1 hour' or excluded.first_seen < l.first_seen - interval '1 hour'
    -- A row of this statement's own making has no older version.
    returning (l.xmax = 0) as fresh
  )
  select count(*) filter (where noted.fresh) into v_new from noted;
  return v_new;
end
$$;
revoke all on function fraud.note_links from public;
grant execute on function fraud.note_links to wallet_app;
