-- Promise: see sql/functions/10_put_policy.sql.
select rules.put_policy($1, $2, $3, $4)
