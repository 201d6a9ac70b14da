-- Promise: fraud.record_joins.
select fraud.record_joins($1::json, $2::json, $3::json, $4::json, $5::json)
