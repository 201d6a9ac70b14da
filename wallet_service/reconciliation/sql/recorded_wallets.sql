-- Promise: the named wallets as the database has them.
-- Locks: none.
select
  w.wallet_id, w.program_id, w.revision, w.version, w.pending, w.available, w.reserved, w.frozen
from ledger.wallet as w
where w.wallet_id = any($1::uuid[])
