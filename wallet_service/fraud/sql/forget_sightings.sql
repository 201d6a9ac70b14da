-- Promise: see sql/functions/04_forget_sightings.sql.
select fraud.forget_sightings($1, $2, $3)
