-- Promise: answers the versions of a program's fraud policy below a number, the newest first.
select p.version, p.document, p.origin, p.actor, p.reason, ledger.microseconds(p.at) as at
from fraud.policy as p
where p.program_id = $1 and p.version < $2
order by p.version desc
limit $3
