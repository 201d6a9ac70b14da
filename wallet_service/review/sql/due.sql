-- Promise: answers open cases whose time is over by their program's clock, at most so many of each program.
select d.*
from ledger.program as q
cross join lateral (
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
  where c.program_id = q.program_id and c.state <= 3 and c.due_at <= coalesce(q.clock_at, clock_timestamp())
  order by c.due_at
  limit $1
) as d
