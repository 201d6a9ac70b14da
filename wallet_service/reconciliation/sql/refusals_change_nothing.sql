-- Promise: where invariant 8 is broken, which says:
-- a refused reservation moved nothing.
-- Locks: none.
with moved as (
  -- Summed up first: a wallet may have a million entries and thousands of refusals.
  select e.wallet_id, e.subject_id, min(e.seq) as seq, sum(e.amount) as amount
  from ledger.entry as e
  where e.kind in (3, 4, 5, 6)
  group by e.wallet_id, e.subject_id
)
select
  'a refused reservation moved value' as sentence, r.wallet_id, w.program_id,
  json_build_object('reservation_id', r.reservation_id, 'seq', m.seq, 'amount', m.amount)::text as facts
from ledger.reservation as r
inner join ledger.wallet as w on w.wallet_id = r.wallet_id
inner join moved as m on m.wallet_id = r.wallet_id and m.subject_id = r.reservation_id
where r.state = 5 and ($1::text is null or w.program_id = $1)
limit $2
