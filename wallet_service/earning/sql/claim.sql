-- Promise: see sql/functions/02_claim.sql.
select c.wallet_id, c.program_id, c.now, c.customer_ref from earning.claim($1, $2, $3) as c
