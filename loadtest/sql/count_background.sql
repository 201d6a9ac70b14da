-- Promise: how much the background has still to do for program $1 at its present moment: wallets with due events,
-- links and rings that nobody has looked at, judgements that wait for their case.
-- Locks: none.
select
  (
    select count(*) from earning.queue as q
    join ledger.program as p on p.program_id = q.program_id
    where q.program_id = $1 and q.due_at <= p.clock_at
  ) as events,
  (select count(*) from fraud.link where not joined) as links,
  (select count(*) from fraud.ring where (judged_revision < revision and merged_into is null and wallets > 1) or stale) as rings,
  (
    select count(*) from fraud.judgement as j
    where j.program_id = $1 and j.verdict = 'REVIEW'
      and not exists (
        select from review.case_file as c where c.wallet_id = j.wallet_id and c.subject_id = j.subject_id
      )
  ) as cases
