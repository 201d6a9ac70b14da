-- Promise: where invariant 5 is broken, which says:
-- a reservation took its amount once, spent what it says it spent, and gave the rest back once, in the way
-- that its final state names. What stands open has given nothing back.
-- Locks: none.
with known as (
  select
    r.wallet_id, r.reservation_id, r.state, r.amount, r.committed,
    -- The columns and the document that decides are one thing, written twice.
    starts_with(
      r.document::text, '["' || r.reservation_id || '",' || r.state || ',' || r.amount || ',' || r.committed || ','
    ) as agrees
  from ledger.reservation as r
  union all
  select w.wallet_id, (h.value ->> 0)::uuid, 1, (h.value ->> 2)::bigint, (h.value ->> 3)::bigint, true
  from ledger.wallet as w
  cross join lateral json_array_elements(w.document -> 7) as h
),
moved as (
  select
    e.wallet_id, e.subject_id as reservation_id,
    count(*) filter (where e.kind = 3) as times_taken,
    coalesce(sum(e.amount) filter (where e.kind = 3), 0) as taken,
    coalesce(sum(e.amount) filter (where e.kind = 4), 0) as committed,
    coalesce(sum(e.amount) filter (where e.kind = 5), 0) as released,
    coalesce(sum(e.amount) filter (where e.kind = 6), 0) as expired,
    count(*) filter (where e.kind in (5, 6)) as times_given_back
  from ledger.entry as e
  where e.kind in (3, 4, 5, 6)
  group by e.wallet_id, e.subject_id
),
judged as (
  select
    coalesce(k.wallet_id, m.wallet_id) as wallet_id, coalesce(k.reservation_id, m.reservation_id) as reservation_id,
    k.state, k.amount, k.committed, m.taken, m.committed as spent, m.released, m.expired,
    case
      when k.reservation_id is null then 'entries name a reservation that does not exist'
      when not k.agrees then 'the columns of a reservation are not what its document says'
      when m.reservation_id is null and k.state = 5 then null
      when coalesce(m.times_taken, 0) <> 1 or m.taken <> k.amount
        then 'a reservation did not take its amount exactly once'
      when m.committed <> k.committed or k.committed > k.amount
        then 'a reservation did not spend what it says it spent'
      when k.state = 1 and m.times_given_back > 0 then 'an open reservation has given value back'
      when k.state = 1 then null
      when m.times_given_back > 1 then 'a reservation gave value back more than once'
      when m.released + m.expired <> k.amount - k.committed
        then 'a reservation that ended did not give back exactly what it had not spent'
      when (k.state = 4) <> (m.expired > 0) then 'a reservation ended in another way than its entries say'
    end as sentence
  from known as k
  full join moved as m on m.wallet_id = k.wallet_id and m.reservation_id = k.reservation_id
),
doubled as (
  select k.wallet_id, k.reservation_id
  from known as k
  group by k.wallet_id, k.reservation_id
  having count(*) > 1
)
select
  j.sentence, j.wallet_id, w.program_id,
  json_build_object(
    'reservation_id', j.reservation_id, 'state', j.state, 'amount', j.amount, 'committed', j.committed,
    'entries', json_build_object(
      'taken', j.taken, 'committed', j.spent, 'released', j.released, 'expired', j.expired
    )
  )::text as facts
from judged as j
left join ledger.wallet as w on w.wallet_id = j.wallet_id
where j.sentence is not null and ($1::text is null or w.program_id = $1)
union all
select
  'a reservation is open and has ended', d.wallet_id, w.program_id,
  json_build_object('reservation_id', d.reservation_id)::text
from doubled as d
left join ledger.wallet as w on w.wallet_id = d.wallet_id
where $1::text is null or w.program_id = $1
limit $2
