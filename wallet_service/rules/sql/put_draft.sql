-- Promise: see sql/functions/02_put_draft.sql.
select rules.put_draft($1, $2, $3, $4, $5, $6)
