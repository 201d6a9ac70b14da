-- Promise: see sql/functions/03_note_sightings.sql.
select fraud.note_sightings($1::json)
