-- Promise: four links for each of the wallets $1 to $2: a phone and a payment means of its own, a tablet and an address
-- that four wallets share; joined already.
-- Locks: none that matter; run as the owner.
insert into fraud.link (wallet_id, kind, key, first_seen, last_seen, joined)
select md5('w' || i)::uuid, k.kind, decode(md5(k.name || i / k.wallets), 'hex'), '2026-01-01', '2026-06-01', true
from generate_series($1::bigint, $2::bigint) as i
cross join (values (1, 'phone', 1), (1, 'tablet', 4), (2, 'address', 4), (3, 'card', 1)) as k (kind, name, wallets)
