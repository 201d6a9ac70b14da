-- Promise: where invariant 13 is broken, which says:
-- the lots that stand in a wallet, by account and expiry, are those that its entries brought less those
-- that they took: value keeps its expiry wherever it goes, also when it comes back.
-- Locks: none. A wallet that once owed value moved less in lots than in value; its lots are checked by their sums alone.
with owing as (
  select distinct e.wallet_id from ledger.entry as e where e.available_after < 0
),
moved as (
  select e.wallet_id, a.account, (l.value ->> 0)::bigint as expires_at, sum(a.sign * (l.value ->> 1)::bigint) as amount
  from ledger.entry as e
  inner join ledger.wallet as w on w.wallet_id = e.wallet_id
  cross join lateral json_array_elements(e.lots) as l
  cross join lateral (values (e.source, -1), (e.target, 1)) as a (account, sign)
  where a.account <= 4 and ($1::text is null or w.program_id = $1)
  group by e.wallet_id, a.account, (l.value ->> 0)::bigint
),
standing as (
  select s.wallet_id, s.account, (l.value ->> 0)::bigint as expires_at, sum((l.value ->> 1)::bigint) as amount
  from (
    select w.wallet_id, n + 1 as account, w.document -> (case n when 3 then 2 else n end) as lots
    from ledger.wallet as w
    cross join generate_series(0, 3) as n
    where n <> 2 and ($1::text is null or w.program_id = $1)
    union all
    select w.wallet_id, 3, h.value -> 12
    from ledger.wallet as w
    cross join lateral json_array_elements(w.document -> 7) as h
    where $1::text is null or w.program_id = $1
  ) as s
  cross join lateral json_array_elements(s.lots) as l
  group by s.wallet_id, s.account, (l.value ->> 0)::bigint
)
select
  'the lots of a wallet are not those that its entries moved' as sentence,
  coalesce(m.wallet_id, s.wallet_id) as wallet_id, w.program_id,
  json_build_object(
    'account', coalesce(m.account, s.account), 'expires_at', coalesce(m.expires_at, s.expires_at),
    'lots', coalesce(s.amount, 0), 'entries', coalesce(m.amount, 0)
  )::text as facts
from moved as m
full join standing as s
  on s.wallet_id = m.wallet_id and s.account = m.account and s.expires_at = m.expires_at
inner join ledger.wallet as w on w.wallet_id = coalesce(m.wallet_id, s.wallet_id)
where coalesce(m.amount, 0) <> coalesce(s.amount, 0)
  and not exists (select from owing as o where o.wallet_id = coalesce(m.wallet_id, s.wallet_id))
limit $2
