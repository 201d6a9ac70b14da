-- Promise: see sql/functions/04_put_campaign.sql.
select rules.put_campaign($1, $2, $3, $4, $5, $6, $7)
