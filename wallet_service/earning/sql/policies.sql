-- Promise: answers the newest policy of each program that has one.
select distinct on (p.program_id) p.program_id, p.version, p.document
from earning.policy as p
order by p.program_id asc, p.version desc
