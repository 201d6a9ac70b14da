-- Promise: fraud.note_links.
select fraud.note_links($1::uuid[], $2::smallint[], $3::bytea[], $4::bigint[])
