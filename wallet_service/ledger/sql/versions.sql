-- Promise: the version and revision of each named wallet that exists; what watchers poll.
select wallet_id::text, version, revision
from ledger.wallet
where wallet_id = any($1::uuid[])
