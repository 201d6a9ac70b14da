-- Promise: see sql/functions/08_put_segment_v2.sql.
select rules.put_segment_v2($1, $2, $3, $4, $5, $6, $7, $8)
