-- Promise: see sql/functions/06_put_policy.sql.
select earning.put_policy($1, $2, $3, $4, $5)
