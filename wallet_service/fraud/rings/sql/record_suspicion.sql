-- Promise: fraud.record_suspicion.
select fraud.record_suspicion($1, $2, $3::smallint, $4::jsonb, $5)
