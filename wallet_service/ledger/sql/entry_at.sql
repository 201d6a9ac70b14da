-- Promise: a wallet's last entry at or before a moment.
select
  seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after, subject_id::text,
  act_id::text, lots::text, detail, ledger.microseconds(at) as at, hash
from ledger.entry
where wallet_id = $1 and seq = ledger.seq_at($1, ledger.moment($2::bigint))
