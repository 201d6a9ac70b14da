-- Promise: answers those of the named wallets that nobody has locked at this moment, and waits for none; asked after a
-- wait for a lock ended without it. A function, since the service's role may lock nothing itself.
-- Locks: the rows, until the statement ends; what is locked by others is passed over.
create or replace function ledger.free_wallets(p_wallets uuid[]) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  return query
    select w.wallet_id
    from unnest(p_wallets) as n (wallet_id)
    cross join lateral (
      select x.wallet_id from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update skip locked
    ) as w;
end
$$;
revoke all on function ledger.free_wallets from public;
grant execute on function ledger.free_wallets to wallet_app;
