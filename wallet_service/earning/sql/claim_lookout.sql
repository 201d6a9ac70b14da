-- Promise: see sql/functions/08_claim_lookout.sql.
select earning.claim_lookout($1, $2, $3, $4)
