-- Promise: see sql/functions/02_put_policy.sql.
select fraud.put_policy($1, $2, $3, $4, $5, $6)
