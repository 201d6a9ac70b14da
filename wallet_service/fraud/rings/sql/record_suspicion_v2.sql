-- Promise: fraud.record_suspicion_v2.
select fraud.record_suspicion_v2($1, $2, $3::smallint, $4::jsonb, $5, $6, $7)
