-- Promise: a page of a program's events that were priced, in order of the time when they happened, after a position and
-- before a moment. `back` is what has come back of it since; null, and not looked for in its result, if nothing has.
select
  e.wallet_id, e.event_id, ledger.microseconds(e.occurred_at) as occurred_at, e.amount, e.content,
  case when strpos(e.result::text, '"back":') > 0 then e.result ->> 'back' end as back
from earning.event as e
where
  e.program_id = $1 and e.kind <> 8 and e.state in (4, 5, 6, 7) and e.occurred_at < ledger.moment($5)
  and (e.occurred_at, e.event_id, e.wallet_id) > (ledger.moment($2), $3, $4)
order by e.occurred_at, e.event_id, e.wallet_id
limit $6
