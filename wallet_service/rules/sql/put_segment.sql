-- Promise: see sql/functions/05_put_segment.sql.
select rules.put_segment($1, $2, $3, $4, $5, $6, $7)
