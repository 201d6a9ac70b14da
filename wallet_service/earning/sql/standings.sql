-- Promise: of the next $2 wallets after $1, in the order of their ids, answers those in which something may expire
-- within the time ahead that their program looks: $3 the programs, $4 the time ahead, $5 the idle time after which
-- value without an expiry expires (null: it does not), $6 the moment from which being idle counts; times in
-- microseconds. The last row is the last wallet that was looked at, `now` null; none when there are no more.
-- Why so: a wallet's due_at is never later than the first expiry of what it has available, so most wallets are passed
-- over without their documents being read.
with page as materialized (
  select w.wallet_id, w.program_id, w.available, w.due_at
  from ledger.wallet as w
  where w.wallet_id > $1
  order by w.wallet_id
  limit $2
),
plan as materialized (
  select n.program_id, n.ahead, n.idle, n.idle_from, ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now
  from unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) as n (program_id, ahead, idle, idle_from)
  inner join ledger.program as p on p.program_id = n.program_id
),
near as (
  select s.wallet_id, s.program_id, l.now, l.ahead, l.idle, l.idle_from, s.due_at, a.active_at
  from page as s
  inner join plan as l on l.program_id = s.program_id
  left join lateral (
    -- The last that was given, earned or redeemed.
    select ledger.microseconds(e.at) as active_at
    from ledger.entry as e
    where l.idle is not null and e.wallet_id = s.wallet_id and (e.kind in (1, 4) or (e.kind = 12 and e.target = 2))
    order by e.seq desc
    limit 1
  ) as a on true
  where s.available > 0
)
select
  n.wallet_id, n.program_id, n.now, w.version, w.reserved, w.document ->> 1 as lots, coalesce(n.active_at, 0) as active_at
from near as n
inner join ledger.wallet as w on w.wallet_id = n.wallet_id
where
  n.due_at <= ledger.moment(n.now + n.ahead)
  or greatest(n.active_at, n.idle_from) + n.idle <= n.now + n.ahead
union all
select l.wallet_id, l.program_id, null, null, null, null, null
from (select s.wallet_id, s.program_id from page as s order by s.wallet_id desc limit 1) as l
