-- Promise: see sql/functions/07_publish_v2.sql.
select rules.publish_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
