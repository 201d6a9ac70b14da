-- Promise: the named wallets that nobody has locked at this moment.
-- Locks: those of ledger.free_wallets.
select f.wallet_id from ledger.free_wallets($1::uuid[]) as f (wallet_id)
