-- Promise: answers a page of cases that wait for a person, the most urgent first, of a program or of all ($1), in these
-- states or in all ($2),
-- of one reviewer or of all ($3), of one wallet or of all ($4), after a position ($5 to $7). A case whose lease has run
-- out is as open as one that nobody took.
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
  c.state <= 3
  and ($1::text is null or c.program_id = $1)
  and (
    $2::smallint[] is null
    or case
      when c.state = 2 and c.leased_until <= clock_timestamp() then case when c.escalated then 3 else 1 end
      else c.state
    end = any ($2::smallint[])
  )
  and ($3::text is null or (c.assigned_to = $3 and c.leased_until > clock_timestamp()))
  and ($4::uuid is null or c.wallet_id = $4)
  and (-c.priority, c.opened_at, c.case_id) > (-$5::integer, ledger.moment($6), $7::uuid)
order by c.priority desc, c.opened_at asc, c.case_id asc
limit $8
