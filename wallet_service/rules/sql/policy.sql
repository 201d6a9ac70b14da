-- Promise: how a program's rules come into force.
select second_person, revision
from rules.policy
where program_id = $1
