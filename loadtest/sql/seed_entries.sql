-- Promise: $3 older entries for each of the wallets $1 to $2, below number 1, so that the tables are as large as after
-- years of trade while the wallets stay as they are.
-- Locks: none that matter; run as the owner with the check on seq dropped.
insert into ledger.entry (
  wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
  subject_id, lots, at, hash
)
select
  md5('w' || i)::uuid, -n, 12, 9, 2, 100, 0, 100, 0, 0, md5('w' || i)::uuid, '[[253402300799000000,100]]',
  '2026-01-01T00:00:00Z', '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea
from generate_series($1::bigint, $2::bigint) as i
cross join generate_series(1, $3::integer) as n
