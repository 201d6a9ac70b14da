-- Promise: where invariant 4 is broken, which says:
-- what is reserved in a wallet is what its open reservations still hold.
-- Locks: none.
with held as (
  select w.wallet_id, sum((h.value ->> 2)::bigint - (h.value ->> 3)::bigint) as held, count(*) as reservations,
    count(*) filter (where h.value ->> 1 <> '1') as not_held
  from ledger.wallet as w
  cross join lateral json_array_elements(w.document -> 7) as h
  group by w.wallet_id
)
select
  'what is reserved is not what the open reservations hold' as sentence, w.wallet_id, w.program_id,
  json_build_object(
    'reserved', w.reserved, 'held', coalesce(h.held, 0), 'reservations', coalesce(h.reservations, 0)
  )::text as facts
from ledger.wallet as w
left join held as h on h.wallet_id = w.wallet_id
where ($1::text is null or w.program_id = $1) and (w.reserved <> coalesce(h.held, 0) or h.not_held > 0)
limit $2
