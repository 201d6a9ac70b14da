-- Promise: answers the newest fraud policy of every program that has one.
select distinct on (p.program_id) p.program_id, p.version, p.document
from fraud.policy as p
order by p.program_id asc, p.version desc
