-- Promise: where invariant 14 is broken, which says:
-- no commit came after the expiry of its reservation and the longest grace that its program ever had; no
-- hold and no lot stands open longer than $3 seconds after the program's clock passed its end; and the moment by which
-- the sweeper finds a wallet is never later than what is due in it.
-- Locks: none. `now()` is the moment of this snapshot; a test clock moved when its program was last written.
with term as (
  select
    p.program_id, coalesce(p.clock_at, now()) as clock, p.clock_at is not null as stands, p.updated_at,
    (p.policy ->> 'commit_grace_seconds')::bigint * 1000000 as grace,
    greatest(
      (p.policy ->> 'commit_grace_seconds')::bigint,
      max((h.document -> 'policy' ->> 'commit_grace_seconds')::bigint)
    ) * 1000000 as longest_grace
  from ledger.program as p
  left join ledger.program_history as h on h.program_id = p.program_id
  where $1::text is null or p.program_id = $1
  group by p.program_id
),
last_commit as (
  -- Summed up first: a wallet may have a million entries and thousands of reservations.
  select e.wallet_id, e.subject_id, max(e.at) as at
  from ledger.entry as e
  where e.kind = 4
  group by e.wallet_id, e.subject_id
),
settled as (
  select
    w.wallet_id, w.program_id, w.document, ledger.microseconds(w.due_at) as due_at, t.grace, t.longest_grace,
    ledger.microseconds(t.clock) as clock,
    -- What the clock passed is overdue once somebody had the time to sweep it.
    case
      when not t.stands then ledger.microseconds(t.clock) - $3::bigint * 1000000
      when t.updated_at < now() - $3::bigint * interval '1 second' then ledger.microseconds(t.clock)
      else 0
    end as overdue_before
  from ledger.wallet as w
  inner join term as t on t.program_id = w.program_id
  where w.document ->> 7 <> '[]' or w.document ->> 1 <> '[]'
),
standing as (
  select w.wallet_id, 'a reservation' as what, h.value ->> 0 as id, (h.value ->> 11)::bigint as ends_at, w.grace,
    w.longest_grace
  from settled as w
  cross join lateral json_array_elements(w.document -> 7) as h
  union all
  select w.wallet_id, 'a lot', null, (l.value ->> 0)::bigint, 0, 0
  from settled as w
  cross join lateral json_array_elements(w.document -> 1) as l
)
select
  'a commit came after the reservation had expired' as sentence, r.wallet_id, w.program_id,
  json_build_object('reservation_id', r.reservation_id, 'at', c.at, 'expired_at', d.expires_at)::text as facts
from ledger.reservation as r
inner join ledger.wallet as w on w.wallet_id = r.wallet_id
inner join term as t on t.program_id = w.program_id
inner join last_commit as c on c.wallet_id = r.wallet_id and c.subject_id = r.reservation_id
cross join lateral (select ledger.moment((r.document ->> 11)::bigint) as expires_at) as d
where c.at >= d.expires_at + t.longest_grace * interval '1 microsecond'
union all
select
  case
    when s.ends_at + s.grace < w.overdue_before then s.what || ' stands open past its end'
    else s.what || ' is due before the moment at which its wallet is swept'
  end,
  s.wallet_id, w.program_id,
  json_build_object(
    'reservation_id', s.id, 'ends_at', ledger.moment(s.ends_at), 'clock', ledger.moment(w.clock),
    'swept_at', ledger.moment(w.due_at)
  )::text
from standing as s
inner join settled as w on w.wallet_id = s.wallet_id
where s.ends_at + s.grace < w.overdue_before or s.ends_at + s.longest_grace < w.due_at
limit $2
