-- Promise: a page of a program's events that were priced, in order of the time when they happened, after a position and
-- before a moment: whose each is, what it used of caps, and what of that came back.
-- Why the lateral: a join may be answered by reading all wallets.
select
  e.wallet_id, e.event_id, ledger.microseconds(e.occurred_at) as occurred_at, w.customer_ref,
  e.result -> 'priced' ->> 'caps' as caps, e.result ->> 'refilled' as refilled
from earning.event as e
cross join lateral (
  select x.customer_ref from ledger.wallet as x where x.wallet_id = e.wallet_id limit 1
) as w
where
  e.program_id = $1 and e.kind <> 8 and e.state in (4, 5, 6, 7) and e.occurred_at < ledger.moment($5)
  and (e.occurred_at, e.event_id, e.wallet_id) > (ledger.moment($2), $3, $4)
order by e.occurred_at, e.event_id, e.wallet_id
limit $6
