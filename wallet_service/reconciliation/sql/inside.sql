-- Promise: how many wallets each program has, and what stands inside them.
-- Locks: none.
select
  w.program_id, count(*) as wallets, sum(w.pending)::bigint as pending, sum(w.available)::bigint as available,
  sum(w.reserved)::bigint as reserved, sum(w.frozen)::bigint as frozen
from ledger.wallet as w
where $1::text is null or w.program_id = $1
group by w.program_id
order by w.program_id
