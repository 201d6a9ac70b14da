-- Promise: answers the last wallet of the page of $2 wallets after $1, by their ids; nothing: fewer are left.
select w.wallet_id
from ledger.wallet as w
where w.wallet_id > $1
order by w.wallet_id
limit 1
offset $2::bigint - 1
