-- Promise: where invariant 11 is broken, which says:
-- a credit brought its amount once; what was clawed back of it, what of it is pending and what is frozen
-- follow from its entries; a reservation gave back no more than was committed, and what it says.
-- Locks: none. Closing a wallet forfeits what is pending and frozen all at once, so closed wallets are not compared there.
with moved as (
  select
    e.wallet_id, e.subject_id as credit_id,
    count(*) filter (where e.kind = 1) as times,
    coalesce(sum(e.amount) filter (where e.kind = 1), 0) as amount,
    coalesce(sum(e.amount) filter (where e.kind = 10), 0) as clawed_back,
    sum(case 1 when e.target then e.amount when e.source then -e.amount else 0 end) as pending,
    sum(case 4 when e.target then e.amount when e.source then -e.amount else 0 end) as frozen
  from ledger.entry as e
  where e.kind in (1, 2, 8, 9, 10)
  group by e.wallet_id, e.subject_id
),
returned as (
  select e.wallet_id, e.subject_id as reservation_id, sum(e.amount) as amount
  from ledger.entry as e
  where e.kind = 11
  group by e.wallet_id, e.subject_id
)
select
  case
    when c.credit_id is null then 'entries name a credit that does not exist'
    when coalesce(m.times, 0) <> 1 or m.amount <> c.amount then 'a credit did not bring its amount exactly once'
    when m.clawed_back <> c.clawed_back or c.clawed_back > c.amount
      then 'what was clawed back of a credit is not what its entries say'
    else 'what of a credit is pending or frozen is not what its entries say'
  end as sentence,
  coalesce(c.wallet_id, m.wallet_id) as wallet_id, w.program_id,
  json_build_object(
    'credit_id', coalesce(c.credit_id, m.credit_id),
    'credit', json_build_array(c.amount, c.clawed_back, c.pending, c.frozen),
    'entries', json_build_array(m.amount, m.clawed_back, m.pending, m.frozen)
  )::text as facts
from ledger.credit as c
full join moved as m on m.wallet_id = c.wallet_id and m.credit_id = c.credit_id
left join ledger.wallet as w on w.wallet_id = coalesce(c.wallet_id, m.wallet_id)
where ($1::text is null or w.program_id = $1)
  and (
    (c.credit_id is null and (m.times > 0 or m.clawed_back > 0))
    or (
      c.credit_id is not null
      and (
        coalesce(m.times, 0) <> 1
        or m.amount <> c.amount
        or m.clawed_back <> c.clawed_back
        or (w.state <> 3 and (m.pending <> c.pending or m.frozen <> c.frozen))
      )
    )
  )
union all
select
  'a reservation did not give back what it says, or more than was committed', r.wallet_id, w.program_id,
  json_build_object(
    'reservation_id', r.reservation_id, 'committed', r.committed, 'restored', r.restored,
    'entries', coalesce(b.amount, 0)
  )::text
from ledger.reservation as r
inner join ledger.wallet as w on w.wallet_id = r.wallet_id
left join returned as b on b.wallet_id = r.wallet_id and b.reservation_id = r.reservation_id
where ($1::text is null or w.program_id = $1)
  and (r.restored <> coalesce(b.amount, 0) or r.restored > r.committed)
limit $2
