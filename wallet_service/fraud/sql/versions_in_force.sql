-- Promise: answers the number of the newest fraud policy of every program that has one.
select p.program_id, max(p.version) as version
from fraud.policy as p
group by p.program_id
