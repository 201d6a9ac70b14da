-- Promise: answers up to $3 rings that were judged by other rules than those whose marks ($2) hold in these programs ($1).
select r.ring_id, r.wallets, r.revision, r.anchor_id
from unnest($1::text[], $2::text[]) as n (program_id, mark)
cross join lateral (
  select x.ring_id, x.wallets, x.revision, x.anchor_id
  from fraud.ring as x
  where
    x.program_id = n.program_id and x.wallets > 0 and not x.stale and (x.judged_by < n.mark or x.judged_by > n.mark)
  limit $3
) as r
limit $3
