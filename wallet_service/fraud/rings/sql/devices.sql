-- Promise: answers up to $2 devices that a wallet was seen with, the latest first.
select encode(l.key, 'hex') as key
from fraud.link as l
where l.wallet_id = $1 and l.kind = 1
order by l.last_seen desc, l.key asc
limit $2
