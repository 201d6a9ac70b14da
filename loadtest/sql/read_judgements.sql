-- Promise: every judgement of program $1 about a reservation or an event: whose, what was said and what was only counted.
-- Locks: none.
select
  w.customer_ref, j.subject_kind, j.subject_id::text as subject_id, j.verdict, j.reasons::text as reasons,
  coalesce(j.signals -> 'shadow_reasons', '[]')::text as shadows, j.amount_minor
from fraud.judgement as j
join ledger.wallet as w on w.wallet_id = j.wallet_id
where j.program_id = $1 and j.subject_kind <> 'ring'
order by j.judged_at, j.wallet_id, j.subject_id
