-- Promise: see sql/functions/06_open_wallet.sql.
select ledger.open_wallet($1, $2, $3, $4)
