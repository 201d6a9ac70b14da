-- Promise: answers how many events these wallets sent in the window before each moment, of how much value, and whether
-- a purchase was ever decided for them.
-- Why the least: what one wallet claims to have bought may be more than a number holds, and the answer is for many wallets.
-- Why the second lateral: an `exists` may be answered by reading every event there is, once for all wallets.
select
  c.wallet_id, v.number, v.value_minor, b.wallet_id is not null as bought
from unnest($1::uuid[], $2::bigint[]) as c (wallet_id, now)
cross join lateral (
  select count(*) as number, least(coalesce(sum(e.value_minor), 0), 9e18)::bigint as value_minor
  from earning.event as e
  where
    e.wallet_id = c.wallet_id and e.kind <> 8
    and e.received_at > ledger.moment(c.now - $3::bigint)
) as v
left join lateral (
  select p.wallet_id
  from earning.event as p
  where p.wallet_id = c.wallet_id and p.kind = 1 and p.state in (4, 5, 6, 7)
  limit 1
) as b on true
