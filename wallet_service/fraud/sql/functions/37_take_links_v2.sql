-- Promise: takes the turn to change rings until the transaction ends, and answers up to p_limit links that wait to be
-- joined: each with the program of its wallet, what is known of its key, the ring of a wallet that has the key already,
-- and the wallet's own ring.
-- Locks: the one row of fraud.ring_turn, until the end of the transaction.
create or replace function fraud.take_links_v2(p_limit integer)
returns table (
  wallet_id uuid, program_id text, kind smallint, key bytea, degree integer, hub boolean, holder_id uuid,
  holder_ring uuid, holder_ring_wallets integer, own_ring uuid, own_ring_wallets integer
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;
  -- A statement of its own: it sees what was written while the turn was waited for.
  return query
  with waiting as materialized (
    select l.wallet_id, l.program_id, l.kind, l.key from fraud.link as l
    where not l.joined
    order by l.wallet_id
    limit p_limit
  )
  select
    w.wallet_id, w.program_id, w.kind, w.key, coalesce(k.degree, 0), coalesce(k.hub, false), k.wallet_id, hr.ring_id,
    hr.wallets, r.ring_id, r.wallets
  from waiting as w
  left join fraud.link_key as k on k.kind = w.kind and k.key = w.key
  left join fraud.ring_member as hm on hm.wallet_id = k.wallet_id
  left join fraud.ring as hr on hr.ring_id = hm.ring_id
  left join fraud.ring_member as m on m.wallet_id = w.wallet_id
  left join fraud.ring as r on r.ring_id = m.ring_id;
end
$$;
revoke all on function fraud.take_links_v2 from public;
grant execute on function fraud.take_links_v2 to wallet_app;
