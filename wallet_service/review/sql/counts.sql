-- Promise: answers how many cases of a program are open, with a lease that holds, and escalated, and how long the oldest
-- has been open, in seconds.
select
  count(*) as open, count(*) filter (where c.state = 2 and c.leased_until > clock_timestamp()) as assigned,
  count(*) filter (where c.escalated) as escalated,
  coalesce(extract(epoch from max(coalesce(p.clock_at, clock_timestamp()) - c.opened_at)), 0)::bigint as oldest_seconds
from review.case_file as c
inner join ledger.program as p on p.program_id = c.program_id
where c.program_id = $1 and c.state <= 3
