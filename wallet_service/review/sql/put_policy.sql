-- Promise: see sql/functions/03_put_policy.sql.
select review.put_policy($1, $2, $3, $4, $5)
