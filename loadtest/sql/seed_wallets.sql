-- Promise: wallets $1 to $2 of the program "bench", each with one entry's worth of value; volume for measuring, whose
-- hashes prove nothing.
-- Locks: none that matter; run as the owner on an empty database.
with made as (
  insert into ledger.wallet (wallet_id, program_id, customer_ref, available, version, revision, head, document)
  select
    md5('w' || i)::uuid, 'bench', i::text, 1000000000000, 1, 1, sha256(('w' || i)::bytea),
    format('[[],[[253402300799000000,1000000000000]],[],[],253402300799000000,0,0,[]]')::json
  from generate_series($1::bigint, $2::bigint) as i
  returning wallet_id, head
)
insert into ledger.entry (
  wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
  subject_id, lots, at, hash
)
select
  wallet_id, 1, 12, 9, 2, 1000000000000, 0, 1000000000000, 0, 0, wallet_id,
  '[[253402300799000000,1000000000000]]', '2026-01-01T00:00:00Z', head
from made
