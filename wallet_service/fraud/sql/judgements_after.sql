-- Promise: answers a page of judgements in the order in which they were recorded, after a position ($1, $2, $3), of
-- these verdicts or of all.
select
  j.wallet_id, j.subject_kind, j.subject_id, j.program_id, j.verdict, j.shadow_verdict, j.reasons::text as reasons,
  j.signals::text as signals, j.policy_version, j.amount_minor, ledger.microseconds(j.judged_at) as judged_at
from fraud.judgement as j
where
  (j.judged_at, j.wallet_id, j.subject_id) > (ledger.moment($1), $2::uuid, $3::uuid)
  and ($4::text[] is null or j.verdict = any ($4::text[]))
order by j.judged_at, j.wallet_id, j.subject_id
limit $5
