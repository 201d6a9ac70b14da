-- Promise: see sql/functions/07_put_program.sql.
select ledger.put_program($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
