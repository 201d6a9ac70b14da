-- Promise: where invariant 7 is broken, which says:
-- an id that a caller made has one effect: one credit, one reservation, one adjustment for each id, and one
-- commit, maturing or restore for each act on them.
-- Locks: none.
select
  'an id had its effect more than once' as sentence, e.wallet_id, w.program_id,
  json_build_object(
    'kind', e.kind, 'subject_id', e.subject_id, 'act_id', min(e.act_id::text), 'entries', count(*),
    'seqs', json_build_array(min(e.seq), max(e.seq))
  )::text as facts
from ledger.entry as e
inner join ledger.wallet as w on w.wallet_id = e.wallet_id
where e.kind in (1, 2, 3, 4, 11, 12) and ($1::text is null or w.program_id = $1)
group by e.wallet_id, w.program_id, e.kind, e.subject_id, case when e.kind in (2, 4, 11) then e.act_id end
having count(*) > 1
limit $2
