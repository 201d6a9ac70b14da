-- Promise: answers one version of a program's fraud policy; 0: the newest.
select p.version, p.document, p.origin, p.actor, p.reason, ledger.microseconds(p.at) as at
from fraud.policy as p
where p.program_id = $1 and ($2::bigint = 0 or p.version = $2::bigint)
order by p.version desc
limit 1
