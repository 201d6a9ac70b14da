-- Promise: where invariant 2 is broken, which says:
-- issued - redeemed - expired - clawed back + adjusted is what stands inside, for each wallet and for each
-- program as a whole.
-- Locks: none.
with outside as (
  select
    e.wallet_id,
    sum(case 5 when e.source then e.amount when e.target then -e.amount else 0 end) as issued,
    sum(case 6 when e.target then e.amount when e.source then -e.amount else 0 end) as redeemed,
    sum(case 7 when e.target then e.amount when e.source then -e.amount else 0 end) as expired,
    sum(case 8 when e.target then e.amount when e.source then -e.amount else 0 end) as clawed_back,
    sum(case 9 when e.source then e.amount when e.target then -e.amount else 0 end) as adjusted
  from ledger.entry as e
  group by e.wallet_id
),
summed as (
  select
    w.program_id, w.wallet_id, coalesce(sum(o.issued), 0) as issued, coalesce(sum(o.redeemed), 0) as redeemed,
    coalesce(sum(o.expired), 0) as expired, coalesce(sum(o.clawed_back), 0) as clawed_back,
    coalesce(sum(o.adjusted), 0) as adjusted, sum(w.pending + w.available + w.reserved + w.frozen) as inside
  from ledger.wallet as w
  left join outside as o on o.wallet_id = w.wallet_id
  where $1::text is null or w.program_id = $1
  group by grouping sets ((w.program_id, w.wallet_id), (w.program_id))
)
select
  case
    when s.wallet_id is null then 'what a program brought in and let out is not what stands in its wallets'
    else 'what came into a wallet and left it is not what stands in it'
  end as sentence,
  s.wallet_id, s.program_id,
  json_build_object(
    'issued', s.issued, 'redeemed', s.redeemed, 'expired', s.expired, 'clawed_back', s.clawed_back,
    'adjusted', s.adjusted, 'inside', s.inside
  )::text as facts
from summed as s
where s.issued - s.redeemed - s.expired - s.clawed_back + s.adjusted <> s.inside
limit $2
