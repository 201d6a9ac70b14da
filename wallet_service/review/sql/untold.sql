-- Promise: answers holds that wait for a person and have no case, whoever should have told of them: of the wallets after
-- $1 up to $2, and of those in $3, at most $4; with what was judged of them, if that is known, and the time of the
-- program.
-- Locks: none. It reads documents, so it is asked about a page of wallets at a time.
select
  h.wallet_id, 'reservation' as subject_kind, h.reservation_id as subject_id, h.program_id, h.customer_ref,
  h.amount as amount_minor, coalesce(x.reasons, '["HELD_FOR_REVIEW"]')::text as reasons,
  coalesce(x.signals, '{}')::text as signals, coalesce(x.policy_version, 0) as policy_version,
  coalesce(ledger.microseconds(x.judged_at), h.created_at) as judged_at,
  ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now,
  ledger.microseconds(clock_timestamp()) as people_now
from (
  select
    w.wallet_id, w.program_id, w.customer_ref, (z.hold ->> 0)::uuid as reservation_id, (z.hold ->> 2)::bigint as amount,
    (z.hold ->> 10)::bigint as created_at
  from ledger.wallet as w
  cross join lateral json_array_elements(w.document -> 7) as z (hold)
  where
    (w.wallet_id > $1 and w.wallet_id <= $2 or w.wallet_id = any ($3::uuid[]))
    and w.reserved > 0 and z.hold ->> 21 = '1'
) as h
inner join ledger.program as p on p.program_id = h.program_id
left join fraud.judgement as x
  on x.wallet_id = h.wallet_id and x.subject_kind = 'reservation' and x.subject_id = h.reservation_id
where
  not exists (
    select from review.case_file as c
    where c.wallet_id = h.wallet_id and c.subject_kind = 'reservation' and c.subject_id = h.reservation_id
  )
limit $4
