-- Promise: takes the turn to change rings until the transaction ends, and answers a ring that may hang together no
-- longer with its wallets and what each of them is linked by (no key: a wallet without a link that holds); no row, if
-- there is none.
-- Locks: the one row of fraud.ring_turn, until the end of the transaction.
create or replace function fraud.take_stale_ring()
returns table (ring_id uuid, wallet_id uuid, kind smallint, key bytea)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_ring uuid;
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;
  select r.ring_id into v_ring from fraud.ring as r where r.stale order by r.ring_id limit 1;
  return query
  select m.ring_id, m.wallet_id, h.kind, h.key
  from fraud.ring_member as m
  left join lateral (
    select l.kind, l.key
    from fraud.link as l
    join fraud.link_key as k on k.kind = l.kind and k.key = l.key
    where l.wallet_id = m.wallet_id and l.joined and not k.hub
  ) as h on true
  where m.ring_id = v_ring;
end
$$;
revoke all on function fraud.take_stale_ring from public;
grant execute on function fraud.take_stale_ring to wallet_app;
