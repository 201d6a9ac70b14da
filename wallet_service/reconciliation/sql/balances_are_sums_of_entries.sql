-- Promise: where invariant 1 is broken, which says:
-- each inside balance of a wallet is what its entries brought in less what they took out, and the balances
-- stored on an entry are those after it. One row for each wallet at fault, at most $2.
-- Locks: none. Reads every entry once, in the order of its key.
with step as (
  select
    e.wallet_id, e.seq,
    case e.target when 1 then e.amount else 0 end - case e.source when 1 then e.amount else 0 end as pending,
    case e.target when 2 then e.amount else 0 end - case e.source when 2 then e.amount else 0 end as available,
    case e.target when 3 then e.amount else 0 end - case e.source when 3 then e.amount else 0 end as reserved,
    case e.target when 4 then e.amount else 0 end - case e.source when 4 then e.amount else 0 end as frozen,
    e.pending_after - lag(e.pending_after, 1, 0::bigint) over history as pending_said,
    e.available_after - lag(e.available_after, 1, 0::bigint) over history as available_said,
    e.reserved_after - lag(e.reserved_after, 1, 0::bigint) over history as reserved_said,
    e.frozen_after - lag(e.frozen_after, 1, 0::bigint) over history as frozen_said
  from ledger.entry as e
  window history as (partition by e.wallet_id order by e.seq)
),
moved as (
  select
    s.wallet_id, sum(s.pending) as pending, sum(s.available) as available, sum(s.reserved) as reserved,
    sum(s.frozen) as frozen,
    min(s.seq) filter (
      where s.pending <> s.pending_said or s.available <> s.available_said or s.reserved <> s.reserved_said
      or s.frozen <> s.frozen_said
    ) as wrong_seq
  from step as s
  group by s.wallet_id
)
select
  case
    when w.wallet_id is null then 'entries belong to a wallet that does not exist'
    when m.wrong_seq is not null then 'the balances on an entry are not those after it'
    else 'the balances of a wallet are not the sums of its entries'
  end as sentence,
  coalesce(w.wallet_id, m.wallet_id) as wallet_id, w.program_id,
  json_build_object(
    'seq', m.wrong_seq,
    'balances', json_build_array(w.pending, w.available, w.reserved, w.frozen),
    'entries', json_build_array(m.pending, m.available, m.reserved, m.frozen)
  )::text as facts
from ledger.wallet as w
full join moved as m on m.wallet_id = w.wallet_id
where ($1::text is null or w.program_id = $1)
  and (
    w.wallet_id is null
    or m.wrong_seq is not null
    or w.pending <> coalesce(m.pending, 0)
    or w.available <> coalesce(m.available, 0)
    or w.reserved <> coalesce(m.reserved, 0)
    or w.frozen <> coalesce(m.frozen, 0)
  )
limit $2
