-- Promise: answers what is left of these budgets, unused slices counted as left; a budget that nobody touched is not
-- answered.
select
  b.cap_key,
  b.limit_minor - b.taken + coalesce(
    (
      select sum(s.granted - s.used) from earning.budget_slice as s
      where s.program_id = b.program_id and s.cap_key = b.cap_key and s.open
    ), 0
  )::bigint as left_minor
from earning.budget as b
where b.program_id = $1 and b.cap_key = any ($2::text[])
