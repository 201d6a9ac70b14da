-- Promise: how often and how much value moved, by program, kind and direction: what a roll-forward is made of.
-- Locks: none.
select w.program_id, e.kind, e.source, e.target, count(*) as entries, sum(e.amount)::bigint as amount
from ledger.entry as e
inner join ledger.wallet as w on w.wallet_id = e.wallet_id
where $1::text is null or w.program_id = $1
group by w.program_id, e.kind, e.source, e.target
order by w.program_id, e.kind, e.source, e.target
