-- Promise: see sql/functions/01_record_judgements.sql.
select fraud.record_judgements($1::json)
