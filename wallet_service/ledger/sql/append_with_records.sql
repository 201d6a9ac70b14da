-- Promise: see sql/functions/05_append_with_records.sql.
select ledger.append_with_records($1, $2, $3, $4, $5)
