-- Promise: the wallets $2 to $3 that `seed_wallets` made belong to another program.
-- Locks: none that matter; run as the owner on a database that nobody uses yet.
update ledger.wallet as w
set program_id = $1
from generate_series($2::bigint, $3::bigint) as i
where w.wallet_id = md5('w' || i)::uuid
