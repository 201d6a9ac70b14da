-- Promise: the wallets $1 to $2 in the rings that seed_rings makes.
-- Locks: none that matter; run as the owner.
insert into fraud.ring_member (wallet_id, ring_id)
select md5('w' || i)::uuid, md5('r' || i / 4)::uuid
from generate_series($1::bigint, $2::bigint) as i
