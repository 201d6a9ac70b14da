-- Promise: fraud.record_model.
select fraud.record_model($1, $2, $3, $4::jsonb, $5, $6, $7)
