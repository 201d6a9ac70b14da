-- Promise: where invariant 13 is broken, which says:
-- the lots of a wallet sum to its balances, those of a reservation to what it holds; none is empty; what
-- is frozen is what a person set aside and what open returns set aside; what is pending is what credits say.
-- Locks: none.
with pile as (
  select
    w.wallet_id, w.program_id, w.state, w.pending, w.available, w.reserved, w.frozen,
    (select coalesce(sum((l.value ->> 1)::bigint), 0) from json_array_elements(w.document -> 0) as l) as pending_lots,
    (select coalesce(sum((l.value ->> 1)::bigint), 0) from json_array_elements(w.document -> 1) as l) as available_lots,
    (select coalesce(sum((l.value ->> 1)::bigint), 0) from json_array_elements(w.document -> 2) as l) as frozen_lots,
    (select coalesce(sum((l.value ->> 1)::bigint), 0) from json_array_elements(w.document -> 3) as l) as by_hand,
    (
      select bool_or((l.value ->> 1)::bigint <= 0)
      from generate_series(0, 3) as n
      cross join lateral json_array_elements(w.document -> n) as l
    ) as empty_lot,
    (
      select bool_or(
        (h.value ->> 2)::bigint - (h.value ->> 3)::bigint
        <> (select coalesce(sum((l.value ->> 1)::bigint), 0) from json_array_elements(h.value -> 12) as l)
      )
      from json_array_elements(w.document -> 7) as h
    ) as wrong_hold
  from ledger.wallet as w
  where $1::text is null or w.program_id = $1
),
credited as (
  select c.wallet_id, sum(c.pending) as pending, sum(c.frozen) as frozen
  from ledger.credit as c
  where c.pending > 0 or c.frozen > 0
  group by c.wallet_id
)
select
  case
    when p.empty_lot then 'a lot is empty'
    when p.wrong_hold then 'the lots of a reservation do not sum to what it holds'
    when p.pending_lots <> p.pending or p.available_lots <> greatest(p.available, 0) or p.frozen_lots <> p.frozen
      then 'the lots of a wallet do not sum to its balances'
    else 'what is pending or frozen is not what credits and persons set aside'
  end as sentence,
  p.wallet_id, p.program_id,
  json_build_object(
    'balances', json_build_array(p.pending, p.available, p.frozen),
    'lots', json_build_array(p.pending_lots, p.available_lots, p.frozen_lots),
    'by_hand', p.by_hand, 'credits', json_build_array(coalesce(c.pending, 0), coalesce(c.frozen, 0))
  )::text as facts
from pile as p
left join credited as c on c.wallet_id = p.wallet_id
where p.empty_lot
  or p.wrong_hold
  or p.pending_lots <> p.pending
  or p.available_lots <> greatest(p.available, 0)
  or p.frozen_lots <> p.frozen
  or (p.state <> 3 and (p.pending <> coalesce(c.pending, 0) or p.frozen <> p.by_hand + coalesce(c.frozen, 0)))
limit $2
