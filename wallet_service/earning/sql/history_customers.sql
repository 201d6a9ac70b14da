-- Promise: whose these wallets are, and whether they had bought anything before a moment.
select
  w.wallet_id, w.customer_ref,
  exists (
    select from earning.event as e
    where
      e.wallet_id = w.wallet_id and e.kind = 1 and e.state in (4, 5, 6, 7) and e.occurred_at < ledger.moment($2)
  ) as bought
from ledger.wallet as w
where w.wallet_id = any ($1::uuid[])
