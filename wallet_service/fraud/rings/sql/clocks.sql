-- Promise: answers what time it is in every program: a sandbox's is its clock's.
select p.program_id, ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now
from ledger.program as p
