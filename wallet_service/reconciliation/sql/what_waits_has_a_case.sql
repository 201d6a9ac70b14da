-- Promise: where invariant 20 is broken, which says:
-- every hold and every event that waits for a person has a case, within $3 seconds; every open case is about something
-- that waits; and what was decided was carried out, as it was decided.
-- Locks: none. A test clock stands still, so what waits by it is not yet late.
with term as (
  select p.program_id, ledger.microseconds(coalesce(p.clock_at, now())) as clock
  from ledger.program as p
  where $1::text is null or p.program_id = $1
),
hold as (
  select
    w.wallet_id, w.program_id, (h.value ->> 0)::uuid as reservation_id, (h.value ->> 10)::bigint as created_at,
    (h.value ->> 21)::integer as review, t.clock
  from ledger.wallet as w
  inner join term as t on t.program_id = w.program_id
  cross join lateral json_array_elements(w.document -> 7) as h
  where w.document ->> 7 <> '[]'
)
select
  'a hold waits for a reviewer and has no case' as sentence, h.wallet_id, h.program_id,
  json_build_object('reservation_id', h.reservation_id)::text as facts
from hold as h
where
  h.review = 1 and h.created_at < h.clock - $3::bigint * 1000000
  and not exists (
    select from review.case_file as c
    where c.wallet_id = h.wallet_id and c.subject_kind = 'reservation' and c.subject_id = h.reservation_id
  )
union all
select
  'an event waits for a reviewer and has no case', e.wallet_id, e.program_id,
  json_build_object('event_id', e.event_id)::text
from earning.event as e
inner join term as t on t.program_id = e.program_id
where
  e.in_review and ledger.microseconds(e.received_at) < t.clock - $3::bigint * 1000000
  and not exists (
    select from review.case_file as c
    where c.wallet_id = e.wallet_id and c.subject_kind = 'event' and c.subject_id = e.event_id
  )
union all
select
  case h.review when 1 then 'a hold waits for a reviewer and its case is closed' else 'a case is open and nothing waits' end,
  c.wallet_id, c.program_id,
  json_build_object('case_id', c.case_id, 'reservation_id', h.reservation_id, 'state', c.state)::text
from review.case_file as c
inner join hold as h on h.wallet_id = c.wallet_id and h.reservation_id = c.subject_id
where c.subject_kind = 'reservation' and c.applied and (c.state <= 3) <> (h.review = 1)
union all
select
  'a decision was not carried out', c.wallet_id, c.program_id,
  json_build_object('case_id', c.case_id, 'subject_id', c.subject_id, 'decided_at', c.decided_at)::text
from review.case_file as c
inner join term as t on t.program_id = c.program_id
where not c.applied and ledger.microseconds(c.decided_at) < t.clock - $3::bigint * 1000000
union all
select
  'a case says another decision than its reservation', c.wallet_id, c.program_id,
  json_build_object('case_id', c.case_id, 'reservation_id', r.reservation_id, 'state', c.state)::text
from review.case_file as c
inner join term as t on t.program_id = c.program_id
inner join ledger.reservation as r on r.wallet_id = c.wallet_id and r.reservation_id = c.subject_id
where
  c.subject_kind = 'reservation' and c.applied
  and (
    c.state = 4 and r.document ->> 21 is distinct from '2'
    or c.state = 5 and r.document ->> 21 is distinct from '3'
  )
union all
select
  'what was done about a case is not on record', c.wallet_id, c.program_id,
  json_build_object('case_id', c.case_id, 'version', c.version)::text
from review.case_file as c
inner join term as t on t.program_id = c.program_id
where
  c.version <> (
    select count(*) from review.case_act as a where a.wallet_id = c.wallet_id and a.case_id = c.case_id
  )
limit $2
