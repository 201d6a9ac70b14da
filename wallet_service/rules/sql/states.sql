-- Promise: how often the rules of each program after an id have changed, in order.
select program_id, revision
from rules.state
where program_id > $1
order by program_id
limit $2
