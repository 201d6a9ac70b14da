-- Promise: see sql/functions/02_record.sql.
select review.record($1::json, $2, $3::json, $4)
