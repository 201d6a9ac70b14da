-- Promise: see sql/functions/03_publish.sql.
select rules.publish($1, $2, $3, $4, $5, $6, $7)
