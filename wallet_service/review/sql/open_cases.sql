-- Promise: see sql/functions/01_open_cases.sql.
select review.open_cases($1::json)
