-- Promise: holds the named wallets until the transaction ends; used after a wallet was lost to others several times.
-- Locks: the rows, in ascending order.
select w.wallet_id
from unnest($1::uuid[]) as n (wallet_id)
inner join ledger.wallet as w on w.wallet_id = n.wallet_id
order by w.wallet_id
for no key update of w
