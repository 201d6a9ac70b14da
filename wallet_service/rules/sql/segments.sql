-- Promise: the segments of a program after an id, in order, each with how many customers are on its list.
select
  s.segment_id, s.revision, s.title, s.rule,
  (
    select count(*) from rules.segment_member as m
    where m.program_id = s.program_id and m.segment_id = s.segment_id
  ) as members
from rules.segment as s
where s.program_id = $1 and s.segment_id > $2
order by s.segment_id
limit $3
