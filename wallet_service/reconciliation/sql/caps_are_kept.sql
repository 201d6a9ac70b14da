-- Promise: where invariant 15 is broken, which says:
-- what is counted of each customer's cap is what the awards of the wallet's events used of it, less what came back, and
-- no award took more than its caps had left; what is used of a campaign's budget is what awards used of it; what is
-- taken of it is what its open slices were granted and its closed ones used, less what came back; neither is more than
-- the budget. Of no cap more came back than an event used of it, and all of it if the event was never credited.
-- Locks: none. A decision and what it uses are written in one transaction, so every moment is a closed one.
with kept as materialized (
  select
    e.wallet_id, e.program_id, e.event_id, u.value ->> 'cap_key' as cap_key, (u.value ->> 'amount')::bigint as used,
    coalesce(
      (
        select (r.value ->> 'amount')::bigint
        from json_array_elements(e.result -> 'refilled') as r
        where r.value ->> 'cap_key' = u.value ->> 'cap_key'
      ), 0
    ) as refilled,
    e.state in (3, 9) and e.amount = 0 as never
  from earning.event as e
  cross join lateral json_array_elements(e.result -> 'priced' -> 'caps') as u
  where e.kind <> 8 and ($1::text is null or e.program_id = $1)
),
used as materialized (
  select k.wallet_id, k.program_id, k.cap_key, sum(k.used - k.refilled) as amount
  from kept as k
  group by k.wallet_id, k.program_id, k.cap_key
),
of_wallets as (
  select u.wallet_id, u.program_id, u.cap_key, u.amount
  from used as u
  where not exists (
    select from earning.budget as b where b.program_id = u.program_id and b.cap_key = u.cap_key
  )
),
counted as (
  select c.wallet_id, w.program_id, c.cap_key, c.used
  from earning.cap_use as c
  inner join ledger.wallet as w on w.wallet_id = c.wallet_id
  where $1::text is null or w.program_id = $1
),
sliced as (
  select
    s.program_id, s.cap_key, sum(s.used) as used, sum(case when s.open then s.granted else s.used end) as taken,
    bool_or(s.used > s.granted) as overspent
  from earning.budget_slice as s
  where $1::text is null or s.program_id = $1
  group by s.program_id, s.cap_key
),
spent as (
  select u.program_id, u.cap_key, sum(u.amount) as amount from used as u group by u.program_id, u.cap_key
),
budgets as (
  select
    coalesce(b.program_id, s.program_id) as program_id, coalesce(b.cap_key, s.cap_key) as cap_key, b.limit_minor,
    b.taken, b.refilled, coalesce(s.taken, 0) as granted, coalesce(s.used, 0) as used,
    coalesce(a.amount, 0) as awarded,
    case
      when b.cap_key is null then 'a slice was granted of a budget that does not exist'
      when s.overspent then 'more than a slice of a budget was used of it'
      when b.taken > b.limit_minor or s.taken - b.refilled > b.limit_minor then 'more than a budget was taken of it'
      when b.taken <> coalesce(s.taken, 0) - b.refilled
        then 'what was taken of a budget is not what its slices were granted'
      when coalesce(s.used, 0) - b.refilled <> coalesce(a.amount, 0)
        then 'what was used of a budget is not what awards used of it'
    end as sentence
  from (select * from earning.budget as x where $1::text is null or x.program_id = $1) as b
  full join sliced as s on s.program_id = b.program_id and s.cap_key = b.cap_key
  left join spent as a
    on a.program_id = coalesce(b.program_id, s.program_id) and a.cap_key = coalesce(b.cap_key, s.cap_key)
)
select
  'what is counted of a cap is not what awards used of it' as sentence, coalesce(u.wallet_id, c.wallet_id) as wallet_id,
  coalesce(u.program_id, c.program_id) as program_id,
  json_build_object(
    'cap_key', coalesce(u.cap_key, c.cap_key), 'counted', coalesce(c.used, 0), 'awards', coalesce(u.amount, 0)
  )::text as facts
from of_wallets as u
full join counted as c on c.wallet_id = u.wallet_id and c.cap_key = u.cap_key
where coalesce(c.used, 0) <> coalesce(u.amount, 0)
union all
select
  b.sentence, null, b.program_id,
  json_build_object(
    'cap_key', b.cap_key, 'limit', b.limit_minor, 'taken', b.taken, 'granted', b.granted, 'used', b.used,
    'refilled', b.refilled, 'awards', b.awarded
  )::text
from budgets as b
where b.sentence is not null
union all
select
  case
    when k.never then 'an event that was never credited uses a cap'
    else 'more of a cap was given back than an event had used of it'
  end,
  k.wallet_id, k.program_id,
  json_build_object('event_id', k.event_id, 'cap_key', k.cap_key, 'used', k.used, 'refilled', k.refilled)::text
from kept as k
where k.refilled not between 0 and k.used or (k.never and k.refilled <> k.used)
union all
select
  'an award took more than a cap had left', e.wallet_id, e.program_id,
  json_build_object(
    'event_id', e.event_id, 'rule_id', a.value ->> 'rule_id', 'amount', a.value -> 'amount', 'cap_key',
    t.value ->> 'cap_key', 'left', t.value -> 'left'
  )::text
from earning.event as e
cross join lateral json_array_elements(e.result -> 'priced' -> 'awards') as a
cross join lateral json_array_elements(a.value -> 'trims') as t
where
  e.kind <> 8 and ($1::text is null or e.program_id = $1)
  and (a.value ->> 'amount')::bigint > (t.value ->> 'left')::bigint
limit $2
