-- Promise: makes hubs of those of these devices and addresses that hold wallets together, and answers how many there
-- were; rings that they held together are to be looked at again. Of a key that nobody has yet nothing is kept.
-- Locks: the one row of fraud.ring_turn, until the end of the transaction.
create or replace function fraud.make_hubs(p_keys bytea[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_wallets uuid[];
  v_number bigint;
begin
  if cardinality(p_keys) > 1000 then
    raise exception 'too many keys at once' using errcode = 'WL001';
  end if;
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;

  with hubs as (
    update fraud.link_key as k
    set hub = true
    where k.kind in (1, 2) and k.key = any (p_keys) and not k.hub
    returning k.wallet_id
  )
  select array_agg(h.wallet_id), count(*) into v_wallets, v_number from hubs as h;

  -- All who have a key that was no hub are in one ring.
  update fraud.ring as r
  set stale = true
  from fraud.ring_member as m
  where m.wallet_id = any (v_wallets) and r.ring_id = m.ring_id;

  return v_number;
end
$$;
revoke all on function fraud.make_hubs from public;
grant execute on function fraud.make_hubs to wallet_app;
