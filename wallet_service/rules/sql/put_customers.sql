-- Promise: see sql/functions/09_put_customers.sql.
select rules.put_customers($1, $2, $3, $4, $5)
