-- Promise: all transfers from $1 to $2 of $3, in order, in one transaction, or none.
-- Locks: the accounts, by pgledger itself in the order of their ids.
select count(*) as made
from pgledger_create_transfers(
  transfer_requests => array(
    select row(wanted.source, wanted.target, wanted.amount)::transfer_request
    from unnest($1::text[], $2::text[], $3::numeric[]) with ordinality as wanted (source, target, amount, n)
    order by wanted.n
  ),
  event_at => null::timestamptz
)
