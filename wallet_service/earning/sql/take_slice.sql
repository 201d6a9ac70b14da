-- Promise: see sql/functions/04_take_slice.sql.
select earning.take_slice($1, $2, $3, $4, $5, $6, $7, $8::uuid[])
