-- Promise: a page of a wallet's entries before a number, newest first; kinds and moments narrow it when given.
select
  seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after, subject_id::text,
  act_id::text, lots::text, detail, ledger.microseconds(at) as at, hash
from ledger.entry
where
  wallet_id = $1 and seq < $2
  and ($4::smallint[] is null or kind = any($4))
  and seq > coalesce(ledger.seq_at($1, ledger.moment($5::bigint - 1)), 0)
  and seq <= coalesce(ledger.seq_at($1, ledger.moment($6::bigint - 1)), 9223372036854775807)
order by seq desc
limit $3
