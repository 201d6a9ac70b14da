-- Promise: answers up to $2 wallets of a wallet's ring that are tied to it by a device, a payment means or a referral
-- which is no hub.
select distinct o.wallet_id
from fraud.ring_member as m
join fraud.ring_member as n on n.ring_id = m.ring_id and n.wallet_id <> m.wallet_id
join fraud.link as o on o.wallet_id = n.wallet_id and o.kind in (1, 3, 4)
join fraud.link as l on l.wallet_id = m.wallet_id and l.kind = o.kind and l.key = o.key
join fraud.link_key as k on k.kind = l.kind and k.key = l.key and not k.hub
where m.wallet_id = $1
order by o.wallet_id
limit $2
