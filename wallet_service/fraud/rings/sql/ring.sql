-- Promise: answers a ring by its id; one that was taken in by another answers as it was left.
select r.ring_id, r.wallets, r.revision, r.suspicion, r.reasons, r.merged_into, r.anchor_id
from fraud.ring as r
where r.ring_id = $1
