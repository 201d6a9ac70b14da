-- Promise: answers the purchases of these orders of these wallets, up to 100 of each, but for the one of each that the
-- asker knows (null: none): the one that earned comes first, then the one that came in first. A clock that stands still
-- or jumps must not make a later one the first.
select
  e.wallet_id, e.event_id, e.program_id, e.kind, e.state, e.source, e.source_event_id, e.order_ref,
  ledger.microseconds(e.occurred_at) as occurred_at, ledger.microseconds(e.received_at) as received_at,
  ledger.microseconds(e.due_at) as due_at, e.tries, e.amount, e.clawed_back, e.debt, e.content, e.result
from unnest($1::uuid[], $2::text[], $3::uuid[]) as o (wallet_id, order_ref, known)
cross join lateral (
  select x.*
  from earning.event as x
  where x.wallet_id = o.wallet_id and x.order_ref = o.order_ref and x.order_ref <> '' and x.kind = 1
    and x.event_id is distinct from o.known
  order by x.state in (4, 5, 6, 7) desc, x.received_at asc, x.event_id asc
  limit 100
) as e
order by e.state in (4, 5, 6, 7) desc, e.received_at asc, e.event_id asc
