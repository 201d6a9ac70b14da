-- Promise: wallets to look up in the cache: the next $3 from a place, in the order of the key.
-- Locks: none.
select w.wallet_id
from ledger.wallet as w
where w.wallet_id >= $2 and ($1::text is null or w.program_id = $1)
order by w.wallet_id
limit $3
