-- Promise: see sql/functions/06_put_draft_v2.sql.
select rules.put_draft_v2($1, $2, $3, $4, $5, $6, $7)
