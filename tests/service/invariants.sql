-- Every invariant of a ledger that SQL can see, computed from the entries alone, independently of the service's code.
-- Answers one row per violation; none when all is well.
with move as (
  select
    e.*,
    lag(e.seq, 1, 0::bigint) over w as seq_before,
    lag(e.hash, 1, sha256(convert_to('wallet:' || e.wallet_id::text, 'UTF8'))) over w as hash_before,
    lag(e.at) over w as at_before,
    sum(case when e.target = 1 then e.amount when e.source = 1 then -e.amount else 0 end) over w as pending_sum,
    sum(case when e.target = 2 then e.amount when e.source = 2 then -e.amount else 0 end) over w as available_sum,
    sum(case when e.target = 3 then e.amount when e.source = 3 then -e.amount else 0 end) over w as reserved_sum,
    sum(case when e.target = 4 then e.amount when e.source = 4 then -e.amount else 0 end) over w as frozen_sum
  from ledger.entry as e
  window w as (partition by e.wallet_id order by e.seq)
),
canonical as (
  select
    m.*,
    sha256(
      m.hash_before || convert_to(
        concat_ws(
          '|', m.seq, m.kind, m.source, m.target, m.amount, m.pending_after, m.available_after, m.reserved_after,
          m.frozen_after, m.subject_id, coalesce(m.act_id::text, ''),
          coalesce((
            select string_agg((l.lot ->> 0) || ':' || (l.lot ->> 1), ',' order by l.n)
            from json_array_elements(m.lots) with ordinality as l (lot, n)
          ), ''),
          (extract(epoch from m.at) * 1000000)::bigint, coalesce(m.detail, '')
        ), 'UTF8'
      )
    ) as expected_hash
  from move as m
),
hold as (
  select w.wallet_id, (h ->> 0)::uuid as reservation_id, (h ->> 2)::bigint as amount, (h ->> 3)::bigint as committed,
    h -> 12 as lots
  from ledger.wallet as w, json_array_elements(w.document -> 7) as h
),
-- All reservations with what the entries say of them.
reservation as (
  select wallet_id, reservation_id, 1 as state, amount, committed from hold
  union all
  select wallet_id, reservation_id, state, amount, committed from ledger.reservation
),
subject as (
  select
    wallet_id, subject_id,
    sum(amount) filter (where kind = 3) as reserved, count(*) filter (where kind = 3) as reserves,
    coalesce(sum(amount) filter (where kind = 4), 0) as committed,
    coalesce(sum(amount) filter (where kind in (5, 6)), 0) as given_back,
    count(*) filter (where kind = 5) as releases, count(*) filter (where kind = 6) as expiries
  from ledger.entry
  where kind in (3, 4, 5, 6)
  group by wallet_id, subject_id
),
head as (
  select w.*, coalesce(m.seq, 0) as last_seq, m.hash as last_hash, m.pending_after, m.available_after, m.reserved_after,
    m.frozen_after
  from ledger.wallet as w
  left join lateral (
    select * from ledger.entry as e where e.wallet_id = w.wallet_id order by e.seq desc limit 1
  ) as m on true
)
select '1 balances on an entry are the sums of the entries so far' as invariant, wallet_id, 'entry ' || seq as detail
from move
where (pending_sum, available_sum, reserved_sum, frozen_sum)
  is distinct from (pending_after, available_after, reserved_after, frozen_after)
union all
select '1 the wallet is its last entry', wallet_id, 'version ' || version from head
where (pending, available, reserved, frozen)
  is distinct from (coalesce(pending_after, 0), coalesce(available_after, 0), coalesce(reserved_after, 0), coalesce(frozen_after, 0))
union all
select '2 what came in less what went out is what is inside', w.wallet_id, ''
from ledger.wallet as w
left join (
  select wallet_id, sum(case when source >= 5 then amount else 0 end - case when target >= 5 then amount else 0 end) as net
  from ledger.entry group by wallet_id
) as n using (wallet_id)
where coalesce(n.net, 0) <> w.pending + w.available + w.reserved + w.frozen
union all
select '3 nothing below zero or the floor', w.wallet_id, w.available::text
from ledger.wallet as w inner join ledger.program as p using (program_id)
where least(w.pending, w.reserved, w.frozen) < 0 or w.available < p.floor_minor
union all
select '4 reserved is the sum of what is held', w.wallet_id, w.reserved::text
from ledger.wallet as w
where w.reserved <> (select coalesce(sum(h.amount - h.committed), 0) from hold as h where h.wallet_id = w.wallet_id)
union all
select '5 a reservation has one outcome', r.wallet_id, r.reservation_id || ' state ' || r.state
from reservation as r
left join subject as s on s.wallet_id = r.wallet_id and s.subject_id = r.reservation_id
where case r.state
  when 1 then coalesce(s.reserved, 0) <> r.amount or s.reserves <> 1 or s.committed <> r.committed or s.given_back <> 0
  when 2 then coalesce(s.reserved, 0) <> r.amount or s.reserves <> 1 or s.committed <> r.committed or r.committed = 0
    or s.committed + s.given_back <> r.amount or s.expiries <> 0
  when 3 then coalesce(s.reserved, 0) <> r.amount or s.reserves <> 1 or s.committed <> r.committed
    or s.committed + s.given_back <> r.amount or s.releases <> 1 or s.expiries <> 0
  when 4 then coalesce(s.reserved, 0) <> r.amount or s.reserves <> 1 or s.committed <> r.committed
    or s.committed + s.given_back <> r.amount or s.expiries <> 1 or s.releases <> 0
  else s.wallet_id is not null
end
union all
select '5 open or ended, never both', h.wallet_id, h.reservation_id::text
from hold as h inner join ledger.reservation as r using (wallet_id, reservation_id)
union all
select '5 every entry of a reservation has its reservation', s.wallet_id, s.subject_id::text
from subject as s left join reservation as r on r.wallet_id = s.wallet_id and r.reservation_id = s.subject_id
where r.wallet_id is null
union all
select '6 entries are numbered without a gap', wallet_id, 'entry ' || seq from move where seq <> seq_before + 1
union all
select '6 the version is the last number', wallet_id, version::text from head where version <> last_seq
union all
select '6 the hash chain verifies', wallet_id, 'entry ' || seq from canonical where hash <> expected_hash
union all
select '6 the head is the last hash', wallet_id, '' from head where last_hash is not null and head <> last_hash
union all
select '6 time never runs backwards', wallet_id, 'entry ' || seq from move where at < at_before
union all
select '7 one commit entry per commit id', wallet_id, act_id::text
from ledger.entry where kind = 4 group by wallet_id, subject_id, act_id having count(*) > 1
union all
select '7 one adjustment per operation id', wallet_id, subject_id::text
from ledger.entry where kind = 12 group by wallet_id, subject_id having count(*) > 1
union all
select '13 lots sum to the balances', w.wallet_id, l.part::text
from ledger.wallet as w
cross join lateral (values (0, w.pending), (1, greatest(w.available, 0)), (2, w.frozen)) as l (part, value)
where l.value <> (select coalesce(sum((x ->> 1)::bigint), 0) from json_array_elements(w.document -> l.part) as x)
union all
select '13 lots of a hold sum to what it holds', h.wallet_id, h.reservation_id::text
from hold as h
where h.amount - h.committed <> (select coalesce(sum((x ->> 1)::bigint), 0) from json_array_elements(h.lots) as x)
union all
select '14 no commit after expiry and grace', r.wallet_id, r.reservation_id::text
from ledger.reservation as r
inner join ledger.wallet as w using (wallet_id)
inner join ledger.program as p using (program_id)
cross join lateral json_array_elements(r.document -> 14) as a
where (a ->> 0)::int = 1
  and (a ->> 5)::bigint >= (a ->> 6)::bigint + 1000000 * (p.policy ->> 'commit_grace_seconds')::bigint
