-- Promise: answers for a program and a span of time how often each reason was given, for what amount, and what was done
-- about it: as acted on, and as limits in shadow would have had it.
select
  r.reason, r.shadow, j.subject_kind, case when r.shadow then j.shadow_verdict else j.verdict end as verdict,
  count(*) as number, least(sum(j.amount_minor), 9e18)::bigint as amount_minor, count(distinct j.wallet_id) as wallets
from fraud.judgement as j
cross join lateral (
  select x.reason, false as shadow from jsonb_array_elements_text(j.reasons) as x (reason)
  union all
  select x.reason, true as shadow
  from jsonb_array_elements_text(coalesce(j.signals -> 'shadow_reasons', '[]'::jsonb)) as x (reason)
) as r
where j.program_id = $1 and j.judged_at >= ledger.moment($2) and j.judged_at < ledger.moment($3)
group by 1, 2, 3, 4
order by 2, 5 desc, 1, 3, 4
limit 1000
