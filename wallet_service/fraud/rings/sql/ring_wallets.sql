-- Promise: answers up to $2 wallets of a ring in order of their ids: whose they are, since when they are known by any
-- key, and what they have spent in the last $3 seconds by the clock of their program.
select
  m.wallet_id, w.program_id, w.customer_ref, s.first_seen, s.last_seen, least(coalesce(v.redeemed, 0), 9e18)::bigint as redeemed
from (
  select x.wallet_id from fraud.ring_member as x where x.ring_id = $1 order by x.wallet_id limit $2
) as m
left join ledger.wallet as w on w.wallet_id = m.wallet_id
left join ledger.program as p on p.program_id = w.program_id
cross join lateral (
  select ledger.microseconds(min(l.first_seen)) as first_seen, ledger.microseconds(max(l.last_seen)) as last_seen
  from fraud.link as l
  where l.wallet_id = m.wallet_id
) as s
left join lateral (
  select sum(e.amount) as redeemed
  from ledger.entry as e
  where
    e.wallet_id = m.wallet_id and e.kind = 4
    and e.at > coalesce(p.clock_at, clock_timestamp()) - $3::bigint * interval '1 second'
) as v on true
