-- Promise: answers the last redemptions (at most $2, among the last $3 entries) of each of these wallets, the oldest
-- first: what was reserved, when, what stood available before it, and by which device.
select e.wallet_id, e.subject_id, e.amount, e.at, e.available, coalesce(r.device, h.device, '') as device
from ledger.wallet as w
cross join lateral (
  select
    x.wallet_id, x.seq, x.subject_id, x.amount, ledger.microseconds(x.at) as at,
    x.available_after + x.amount as available
  from ledger.entry as x
  where x.wallet_id = w.wallet_id and x.seq > w.version - $3 and x.kind = 3
  order by x.seq desc
  limit $2
) as e
left join lateral (
  select y.document ->> 8 as device
  from ledger.reservation as y
  where y.wallet_id = e.wallet_id and y.reservation_id = e.subject_id
) as r on true
left join lateral (
  select z.hold ->> 8 as device
  from json_array_elements(w.document -> 7) as z (hold)
  where z.hold ->> 0 = e.subject_id::text
) as h on true
where w.wallet_id = any ($1::uuid[])
order by e.wallet_id, e.seq
