-- Promise: answers up to $2 links of some wallets, with how many wallets share each key and whether it is a hub.
select l.wallet_id, l.kind, l.key, coalesce(k.degree, 1) as degree, coalesce(k.hub, false) as hub
from fraud.link as l
left join fraud.link_key as k on k.kind = l.kind and k.key = l.key
where l.wallet_id = any ($1::uuid[])
order by l.wallet_id, l.kind, l.key
limit $2
