-- Promise: a page of a wallet's ended reservations, the latest to end first.
-- Walks all of the wallet's rows by its key: an index by time would cost every payment more than this costs a reader.
select document::text as document
from ledger.reservation
where
  wallet_id = $1
  and (closed_at, reservation_id) < (ledger.moment($2::bigint), $3::uuid)
  and ($5::smallint[] is null or state = any($5))
order by closed_at desc, reservation_id desc
limit $4
