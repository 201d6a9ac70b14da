-- Promise: where invariant 3 is broken, which says:
-- no balance is or ever was below zero; available not below the lowest floor that the program ever had.
-- Locks: none.
with floor as (
  select p.program_id, least(p.floor_minor, min((h.document ->> 'floor_minor')::bigint)) as floor_minor
  from ledger.program as p
  left join ledger.program_history as h on h.program_id = p.program_id
  where $1::text is null or p.program_id = $1
  group by p.program_id
)
select
  'a wallet stands below zero or below its floor' as sentence, w.wallet_id, w.program_id,
  json_build_object(
    'balances', json_build_array(w.pending, w.available, w.reserved, w.frozen), 'floor', f.floor_minor
  )::text as facts
from ledger.wallet as w
inner join floor as f on f.program_id = w.program_id
where least(w.pending, w.reserved, w.frozen) < 0 or w.available < least(f.floor_minor, 0)
union all
select
  'an entry left a balance below zero or below its floor', e.wallet_id, w.program_id,
  json_build_object(
    'seq', e.seq, 'balances', json_build_array(e.pending_after, e.available_after, e.reserved_after, e.frozen_after),
    'floor', f.floor_minor
  )::text
from ledger.entry as e
inner join ledger.wallet as w on w.wallet_id = e.wallet_id
inner join floor as f on f.program_id = w.program_id
where least(e.pending_after, e.reserved_after, e.frozen_after, e.available_after) < 0
  and (least(e.pending_after, e.reserved_after, e.frozen_after) < 0 or e.available_after < least(f.floor_minor, 0))
limit $2
