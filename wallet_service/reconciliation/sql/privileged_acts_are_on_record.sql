-- Promise: where invariant 18 is broken, which says:
-- each freeze, unfreeze, adjustment, closing and decision of a reviewer has one record with an actor and a reason, and
-- says the same on its entries; each version of a program has one, from the first.
-- Locks: none. `before` and `after` are the balances on the entries, which invariant 1 proves.
with act as (
  select e.wallet_id, coalesce(e.act_id, e.subject_id) as operation_id, e.seq, e.kind, e.detail
  from ledger.entry as e
  where
    e.kind in (8, 9, 12) or (e.kind = 7 and e.subject_id <> e.wallet_id)
    -- What a customer or a checkout releases says nothing; a reviewer's rejection does.
    or (e.kind = 5 and e.detail is not null)
)
select
  case
    when o.operation_id is null then 'value was moved by a person and nobody is on record for it'
    when o.actor = '' or o.reason = '' then 'the record of an act does not say who or why'
    else 'an entry and its record do not name the same actor and reason'
  end as sentence,
  a.wallet_id, w.program_id,
  json_build_object('seq', a.seq, 'kind', a.kind, 'operation_id', a.operation_id, 'actor', o.actor)::text as facts
from act as a
inner join ledger.wallet as w on w.wallet_id = a.wallet_id
left join ledger.operation as o on o.wallet_id = a.wallet_id and o.operation_id = a.operation_id
where ($1::text is null or w.program_id = $1)
  and (
    o.operation_id is null
    or o.actor = ''
    or o.reason = ''
    or a.detail is distinct from '{"actor":' || to_json(o.actor) || ',"reason":' || to_json(o.reason) || '}'
  )
union all
select
  'the record of an act does not say who or why', o.wallet_id, w.program_id,
  json_build_object('operation_id', o.operation_id, 'kind', o.kind)::text
from ledger.operation as o
inner join ledger.wallet as w on w.wallet_id = o.wallet_id
where o.kind in ('Freeze', 'Unfreeze', 'Adjust', 'Close', 'Review') and (o.actor = '' or o.reason = '')
  and ($1::text is null or w.program_id = $1)
union all
select
  'an adjustment is on record and moved nothing', o.wallet_id, w.program_id,
  json_build_object('operation_id', o.operation_id, 'actor', o.actor)::text
from ledger.operation as o
inner join ledger.wallet as w on w.wallet_id = o.wallet_id
-- Summed up first: a wallet may have a million entries and thousands of adjustments.
left join (
  select e.wallet_id, e.subject_id, count(*) as entries
  from ledger.entry as e
  where e.kind = 12
  group by e.wallet_id, e.subject_id
) as m on m.wallet_id = o.wallet_id and m.subject_id = o.operation_id
where o.kind = 'Adjust' and m.entries is null and ($1::text is null or w.program_id = $1)
union all
select
  'a wallet was frozen or closed and nobody is on record for it', w.wallet_id, w.program_id,
  json_build_object('state', w.state)::text
from ledger.wallet as w
where w.state in (2, 3)
  and ($1::text is null or w.program_id = $1)
  and not exists (
    select from ledger.operation as o
    where o.wallet_id = w.wallet_id and o.kind = case w.state when 2 then 'Freeze' else 'Close' end
  )
union all
select
  'a version of a program is not on record with an actor and a reason', null, p.program_id,
  json_build_object('version', v.version)::text
from ledger.program as p
cross join lateral generate_series(1, p.version) as v (version)
left join ledger.program_history as h on h.program_id = p.program_id and h.version = v.version
where ($1::text is null or p.program_id = $1) and (h.version is null or h.actor = '' or h.reason = '')
limit $2
