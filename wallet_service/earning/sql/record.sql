-- Promise: see sql/functions/03_record.sql.
select r.wallet_id from earning.record($1, $2::uuid[], $3::json, $4::json, $5::json, $6::uuid[]) as r (wallet_id)
