-- Promise: answers what waits for a person and has no case: reservations and rings that were judged REVIEW at or after
-- $1, and events that are in review; with the time of the program.
select
  j.wallet_id, j.subject_kind, j.subject_id, j.program_id, w.customer_ref, j.amount_minor, j.reasons::text as reasons,
  j.signals::text as signals, j.policy_version, ledger.microseconds(j.judged_at) as judged_at,
  ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now,
  ledger.microseconds(clock_timestamp()) as people_now
from (
  (
    select
      x.wallet_id, x.subject_kind, x.subject_id, x.amount_minor, x.reasons, x.signals, x.policy_version, x.judged_at,
      x.program_id
    from fraud.judgement as x
    where
      x.verdict = 'REVIEW' and x.subject_kind in ('reservation', 'ring') and x.judged_at >= ledger.moment($1)
      and not exists (
        select from review.case_file as c
        where c.wallet_id = x.wallet_id and c.subject_kind = x.subject_kind and c.subject_id = x.subject_id
      )
    order by x.judged_at
    limit $2
  )
  union all
  (
    select
      e.wallet_id, 'event', e.event_id, e.value_minor,
      coalesce((e.result -> 'reasons')::jsonb, '[]'), coalesce(x.signals, '{}'), coalesce(x.policy_version, 0),
      e.received_at, e.program_id
    from earning.event as e
    left join fraud.judgement as x
      on x.wallet_id = e.wallet_id and x.subject_kind = 'event' and x.subject_id = e.event_id
    where
      e.in_review
      and not exists (
        select from review.case_file as c
        where c.wallet_id = e.wallet_id and c.subject_kind = 'event' and c.subject_id = e.event_id
      )
    limit $2
  )
) as j
inner join ledger.wallet as w on w.wallet_id = j.wallet_id
inner join ledger.program as p on p.program_id = w.program_id
