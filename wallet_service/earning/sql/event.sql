-- Promise: answers one event.
select
  e.wallet_id, e.event_id, e.program_id, e.kind, e.state, e.source, e.source_event_id, e.order_ref,
  ledger.microseconds(e.occurred_at) as occurred_at, ledger.microseconds(e.received_at) as received_at,
  ledger.microseconds(e.due_at) as due_at, e.tries, e.amount, e.clawed_back, e.debt, e.content, e.result
from earning.event as e
where e.wallet_id = $1 and e.event_id = $2
