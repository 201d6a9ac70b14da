-- Promise: answers up to $3 rings that were judged by other rules than those whose marks ($2) hold in these programs ($1).
-- Two ranges of an index rather than one inequality: each ends after $3 however many rings there are.
select r.ring_id, r.wallets, r.revision, r.anchor_id
from unnest($1::text[], $2::text[]) as n (program_id, mark)
cross join lateral (
  (
    select x.ring_id, x.wallets, x.revision, x.anchor_id
    from fraud.ring as x
    where x.program_id = n.program_id and x.judged_by < n.mark and x.wallets > 0 and not x.stale
    limit $3
  )
  union all
  (
    select x.ring_id, x.wallets, x.revision, x.anchor_id
    from fraud.ring as x
    where x.program_id = n.program_id and x.judged_by > n.mark and x.wallets > 0 and not x.stale
    limit $3
  )
) as r
limit $3
