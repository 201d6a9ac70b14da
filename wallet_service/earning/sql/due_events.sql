-- Promise: answers the events that are due in these wallets by these moments, at most so many of each, in the order in
-- which they are to be worked on.
select
  e.wallet_id, e.event_id, e.program_id, e.kind, e.state, e.source, e.source_event_id, e.order_ref,
  ledger.microseconds(e.occurred_at) as occurred_at, ledger.microseconds(e.received_at) as received_at,
  ledger.microseconds(e.due_at) as due_at, e.tries, e.amount, e.clawed_back, e.debt, e.content, e.result
from unnest($1::uuid[], $2::bigint[]) as c (wallet_id, now)
cross join lateral (
  select x.*
  from earning.event as x
  where
    x.wallet_id = c.wallet_id and x.due_at <= ledger.moment(c.now) and x.due_at < '9999-01-01T00:00:00Z'
  order by x.due_at, x.received_at, x.event_id
  limit $3
) as e
