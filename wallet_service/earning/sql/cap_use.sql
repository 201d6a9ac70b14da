-- Promise: answers what these wallets have used of these caps.
select c.wallet_id, c.cap_key, c.used
from earning.cap_use as c
where c.wallet_id = any ($1::uuid[]) and c.cap_key = any ($2::text[])
