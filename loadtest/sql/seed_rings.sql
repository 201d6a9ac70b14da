-- Promise: the rings of four that the links of seed_links make of the wallets $1 to $2.
-- Locks: none that matter; run as the owner.
insert into fraud.ring (ring_id, wallets, changed_at, judged_revision)
select md5('r' || i)::uuid, 4, '2026-06-01', 1
from generate_series($1::bigint / 4, $2::bigint / 4) as i
on conflict do nothing
