-- Promise: where invariant 11 is broken, which says of earning:
-- an event credits once, and what it says it earned and gave back is what its credit says; an order earns once,
-- in one wallet of its program; nothing that was not credited has a credit, and no credit of earning is without its event.
-- Locks: none. While a wallet has an event whose commands are under way (CLEARED), its purchases are ahead of the
-- ledger: what was taken back is compared when they are done.
with busy as (
  select distinct e.wallet_id from earning.event as e where e.state = 4
),
judged as (
  select
    e.wallet_id, e.event_id, e.program_id, e.state, e.amount, e.clawed_back, c.amount as credited,
    c.clawed_back as taken, c.pending,
    case
      when e.state in (5, 6, 7) and e.amount > 0 and c.credit_id is null then 'a credited event has no credit'
      when e.state in (1, 2, 3) and c.credit_id is not null then 'an event that was not credited has a credit'
      when e.state in (5, 6, 7, 9) and e.amount <> coalesce(c.amount, 0)
        then 'an event and its credit do not name the same amount'
      when e.state in (4, 5, 6, 7) and e.amount <> coalesce((e.result -> 'priced' ->> 'amount')::bigint, 0)
        then 'an event earned another amount than its awards'
      when e.state in (5, 6, 7, 9) and e.clawed_back <> coalesce(c.clawed_back, 0) and b.wallet_id is null
        then 'what was taken back of an event is not what was clawed back of its credit'
      when e.state = 6 and c.pending > 0 then 'an event has matured and its credit is pending'
      when e.clawed_back > e.amount then 'more was taken back of an event than it earned'
      when e.clawed_back - coalesce((e.result ->> 'paid_debt')::bigint, 0) + e.debt + e.given_up > e.amount
        then 'more of an event was taken back, is owed and was given up than it earned'
    end as sentence
  from (
    select x.*, coalesce((x.result ->> 'given_up')::bigint, 0) as given_up from earning.event as x
  ) as e
  left join ledger.credit as c on c.wallet_id = e.wallet_id and c.credit_id = e.event_id
  left join busy as b on b.wallet_id = e.wallet_id
  where e.kind <> 8 and ($1::text is null or e.program_id = $1)
)
select
  j.sentence, j.wallet_id, j.program_id,
  json_build_object(
    'event_id', j.event_id, 'state', j.state, 'event', json_build_array(j.amount, j.clawed_back),
    'credit', json_build_array(j.credited, j.taken), 'pending', j.pending
  )::text as facts
from judged as j
where j.sentence is not null
union all
select
  -- Of several wallets it is the last one that should not have earned.
  'an order earned more than once', (array_agg(e.wallet_id order by e.received_at desc, e.wallet_id asc))[1], e.program_id,
  json_build_object(
    'order_ref', e.order_ref, 'events', json_agg(e.event_id order by e.received_at, e.wallet_id),
    'wallets', json_agg(e.wallet_id order by e.received_at, e.wallet_id)
  )::text
from earning.event as e
where e.kind = 1 and e.state in (4, 5, 6, 7) and e.amount > 0 and ($1::text is null or e.program_id = $1)
group by e.program_id, e.order_ref
having count(*) > 1
union all
select
  'a credit of earning has no event', c.wallet_id, w.program_id,
  json_build_object('credit_id', c.subject_id, 'seq', c.seq, 'amount', c.amount)::text
from ledger.entry as c
inner join ledger.wallet as w on w.wallet_id = c.wallet_id
left join earning.event as e on e.wallet_id = c.wallet_id and e.event_id = c.subject_id
-- Who caused an entry is the first thing that its detail says.
where c.kind = 1 and starts_with(c.detail, '{"actor":"earning",') and e.event_id is null
  and ($1::text is null or w.program_id = $1)
limit $2
