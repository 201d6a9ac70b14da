-- Promise: fraud.record_split.
select fraud.record_split($1, $2::json, $3::json, $4::uuid[])
