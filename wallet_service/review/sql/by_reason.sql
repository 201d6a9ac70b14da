-- Promise: answers for each reason of the cases of a program that were opened from $2 on and before $3 how many there
-- were, and how many people approved and rejected, the most frequent first.
select
  r.reason, count(*) as cases, count(*) filter (where c.state = 4) as approved,
  count(*) filter (where c.state = 5) as rejected
from review.case_file as c
cross join lateral jsonb_array_elements_text(c.reasons) as r (reason)
where c.program_id = $1 and c.opened_at >= ledger.moment($2) and c.opened_at < ledger.moment($3)
group by r.reason
order by cases desc, r.reason asc
limit $4
