-- Promise: the keys of the links that seed_links makes for the wallets $1 to $2.
-- Locks: none that matter; run as the owner.
insert into fraud.link_key (kind, key, degree, wallet_id)
select k.kind, decode(md5(k.name || i / k.wallets), 'hex'), k.wallets, md5('w' || i)::uuid
from generate_series($1::bigint, $2::bigint) as i
cross join (values (1, 'phone', 1), (1, 'tablet', 4), (2, 'address', 4), (3, 'card', 1)) as k (kind, name, wallets)
where i % k.wallets = 0
on conflict do nothing
