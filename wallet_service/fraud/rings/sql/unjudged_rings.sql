-- Promise: answers up to $1 rings that have changed since they were judged, the longest waiting first.
select r.ring_id, r.wallets, r.revision, r.anchor_id
from fraud.ring as r
where r.judged_revision < r.revision and not r.stale
order by r.changed_at
limit $1
