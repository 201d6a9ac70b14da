-- Promise: the ids of a program's segments after an id, in order, each with its rule.
select segment_id, rule
from rules.segment
where program_id = $1 and segment_id > $2
order by segment_id
limit $3
