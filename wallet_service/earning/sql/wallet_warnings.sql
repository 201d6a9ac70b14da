-- Promise: answers a page of a wallet's warnings from a position on, the oldest first.
select
  e.warning_id, e.wallet_id, e.program_id, w.customer_ref, ledger.microseconds(e.expires_at) as expires_at,
  e.before_seconds, e.amount, e.inactivity, ledger.microseconds(e.warned_at) as warned_at
from earning.expiry_warning as e
inner join ledger.wallet as w on w.wallet_id = e.wallet_id
where e.wallet_id = $1 and (e.warned_at, e.warning_id) > (ledger.moment($2), $3)
order by e.warned_at, e.warning_id
limit $4
