-- Promise: see sql/functions/10_retry.sql.
select earning.retry($1, $2, $3, $4, $5)
