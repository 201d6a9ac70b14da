-- Promise: see sql/functions/03_append.sql.
select ledger.append($1, $2, $3)
