-- Promise: see sql/functions/09_record_warnings.sql.
select earning.record_warnings($1, $2, $3::json, $4, $5, $6)
