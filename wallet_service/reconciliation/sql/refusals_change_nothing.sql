-- Promise: where invariant 8 is broken, which says:
-- a refused reservation moved nothing.
-- Locks: none.
select
  'a refused reservation moved value' as sentence, r.wallet_id, w.program_id,
  json_build_object('reservation_id', r.reservation_id, 'seq', e.seq, 'kind', e.kind, 'amount', e.amount)::text as facts
from ledger.reservation as r
inner join ledger.wallet as w on w.wallet_id = r.wallet_id
inner join ledger.entry as e on e.wallet_id = r.wallet_id and e.subject_id = r.reservation_id
where r.state = 5 and ($1::text is null or w.program_id = $1)
limit $2
