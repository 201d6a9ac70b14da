-- Promise: answers what is left of these budgets, of which these are the present limits, unused slices counted as left;
-- a budget that nobody touched is not answered.
-- Why the limits are told: the row keeps the one by which a slice was last taken, which may have been changed since.
select
  b.cap_key,
  greatest(
    0,
    o.limit_minor - b.taken + coalesce(
      (
        select sum(s.granted - s.used) from earning.budget_slice as s
        where s.program_id = b.program_id and s.cap_key = b.cap_key and s.open
      ), 0
    )::bigint
  ) as left_minor
from unnest($2::text[], $3::bigint[]) as o (cap_key, limit_minor)
inner join earning.budget as b on b.program_id = $1 and b.cap_key = o.cap_key
