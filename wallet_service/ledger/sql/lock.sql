-- Promise: holds the named wallets until the transaction ends.
-- Locks: those of ledger.lock_wallets.
select ledger.lock_wallets($1::uuid[])
