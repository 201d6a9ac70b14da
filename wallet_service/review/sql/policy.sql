-- Promise: answers the newest policy of a program.
select p.version, p.document
from review.policy as p
where p.program_id = $1
order by p.version desc
limit 1
