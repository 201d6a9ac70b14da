-- Promise: see sql/functions/08_due_wallets.sql.
select wallet_id from ledger.due_wallets($1) as due (wallet_id)
