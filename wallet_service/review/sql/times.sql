-- Promise: answers of the cases of a program that were opened from $2 on and before $3 and were decided by a person: how
-- many of each end, and after how many seconds half and nine tenths of them were decided.
select
  count(*) filter (where c.state = 4) as approved, count(*) filter (where c.state = 5) as rejected,
  count(*) filter (where c.state = 6) as timed_out, count(*) filter (where c.state = 7) as withdrawn,
  coalesce(
    percentile_disc(0.5) within group (order by extract(epoch from c.decided_at - c.opened_at))
    filter (where c.state in (4, 5)), 0
  )::bigint as half_seconds,
  coalesce(
    percentile_disc(0.9) within group (order by extract(epoch from c.decided_at - c.opened_at))
    filter (where c.state in (4, 5)), 0
  )::bigint as most_seconds
from review.case_file as c
where c.program_id = $1 and c.opened_at >= ledger.moment($2) and c.opened_at < ledger.moment($3)
