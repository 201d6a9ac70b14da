-- Promise: answers the ring of each of these wallets that is in one: its size, and how suspicious it was found.
select m.wallet_id, r.ring_id, r.wallets, r.suspicion, r.reasons
from fraud.ring_member as m
join fraud.ring as r on r.ring_id = m.ring_id
where m.wallet_id = any ($1::uuid[])
