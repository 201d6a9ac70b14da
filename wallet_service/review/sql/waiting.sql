-- Promise: answers cases whose decision the ledger or the event may not know of yet, the longest decided first; what was
-- decided less than $1 microseconds ago is left to whoever decided it. A test clock that stands still leaves nothing.
select
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
where
  not c.applied
  and (p.clock_at is not null or c.decided_at <= clock_timestamp() - $1::bigint * interval '1 microsecond')
order by c.case_id
limit $2
