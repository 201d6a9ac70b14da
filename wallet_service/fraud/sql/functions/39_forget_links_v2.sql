-- Promise: forgets up to p_limit links of a program's wallets that were last seen before a moment, and answers how many;
-- rings that they held together are to be looked at again. A hub stays one.
-- Locks: the one row of fraud.ring_turn, until the end of the transaction; the links in ascending order.
create or replace function fraud.forget_links_v2(
  p_program_id text, p_before bigint, p_limit integer
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_wallets uuid[];
  v_kinds smallint[];
  v_keys bytea[];
  v_number bigint;
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;

  with old as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    where l.program_id = p_program_id and l.last_seen < ledger.moment(p_before)
    order by l.last_seen
    limit p_limit
  ),
  held as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    join old as o on o.wallet_id = l.wallet_id and o.kind = l.kind and o.key = l.key
    order by l.wallet_id, l.kind, l.key
    for update of l
  ),
  gone as (
    delete from fraud.link as l
    using held as h
    -- Said again: it may have been seen since it was chosen.
    where
      l.wallet_id = h.wallet_id and l.kind = h.kind and l.key = h.key and l.last_seen < ledger.moment(p_before)
    returning l.wallet_id, l.kind, l.key, l.joined
  )
  select
    array_agg(g.wallet_id) filter (where g.joined), array_agg(g.kind) filter (where g.joined),
    array_agg(g.key) filter (where g.joined), count(*)
  into v_wallets, v_kinds, v_keys, v_number
  from gone as g;

  update fraud.link_key as k
  set
    degree = k.degree - n.number,
    -- All who have a key that is no hub are in one ring, so whoever still has it is found there.
    wallet_id = case
      when k.wallet_id = any (n.wallets)
        then (
          select l.wallet_id
          from fraud.ring_member as m
          join fraud.ring_member as o on o.ring_id = m.ring_id
          join fraud.link as l on l.wallet_id = o.wallet_id and l.kind = k.kind and l.key = k.key and l.joined
          where m.wallet_id = k.wallet_id
          limit 1
        )
      else k.wallet_id
    end
  from (
    select g.kind, g.key, count(*)::integer as number, array_agg(g.wallet_id) as wallets
    from unnest(v_wallets, v_kinds, v_keys) as g (wallet_id, kind, key)
    group by g.kind, g.key
  ) as n
  where k.kind = n.kind and k.key = n.key;

  update fraud.ring as r
  set stale = true
  from fraud.ring_member as m
  where m.wallet_id = any (v_wallets) and r.ring_id = m.ring_id;

  delete from fraud.link_key as k
  using unnest(v_kinds, v_keys) as g (kind, key)
  where k.kind = g.kind and k.key = g.key and k.degree = 0 and not k.hub;

  return v_number;
end
$$;
revoke all on function fraud.forget_links_v2 from public;
grant execute on function fraud.forget_links_v2 to wallet_app;
