-- Promise: holds the named wallets until the caller's transaction ends, so that what it decides cannot be overtaken;
-- used after a wallet was lost to others several times. A function, since the service's role may lock nothing itself.
-- Locks: the rows, in ascending order. A join does not keep an order, hence the lateral look-ups of a sorted list.
create or replace function ledger.lock_wallets(p_wallets uuid[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  perform w.wallet_id
  from (select u.wallet_id from unnest(p_wallets) as u (wallet_id) order by u.wallet_id) as n
  cross join lateral (
    select x.wallet_id from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update
  ) as w;
end
$$;
revoke all on function ledger.lock_wallets from public;
grant execute on function ledger.lock_wallets to wallet_app;
