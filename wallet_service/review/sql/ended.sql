-- Promise: answers open cases whose reservation or event has ended without a reviewer, and how: the state of the
-- reservation (ledger.reservation) or 0 for an event.
select
  x.ended,
  c.wallet_id, c.case_id, c.program_id, c.customer_ref, c.subject_kind, c.subject_id, c.state, c.escalated, c.priority,
  c.amount_minor, c.reasons::text as reasons, c.evidence::text as evidence, c.opened_by,
  ledger.microseconds(c.opened_at) as opened_at, ledger.microseconds(c.due_at) as due_at, c.assigned_to,
  c.assigned_senior,
  ledger.microseconds(c.leased_until) as leased_until, c.escalated_by, c.approvals::text as approvals, c.operation_id,
  c.decided_by, ledger.microseconds(c.decided_at) as decided_at, c.reason, c.approved_ttl_seconds, c.applied, c.version,
  ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now,
  ledger.microseconds(clock_timestamp()) as people_now
from review.case_file as c
inner join ledger.program as p on p.program_id = c.program_id
cross join lateral (
  select r.state as ended
  from ledger.reservation as r
  where c.subject_kind = 'reservation' and r.wallet_id = c.wallet_id and r.reservation_id = c.subject_id
  union all
  select 0::smallint
  from earning.event as e
  where c.subject_kind = 'event' and e.wallet_id = c.wallet_id and e.event_id = c.subject_id and e.state <> 2
) as x
where c.state <= 3
order by c.opened_at
limit $1
