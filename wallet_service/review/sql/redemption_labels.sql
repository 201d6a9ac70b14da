-- Promise: answers what reviewers found out about redemptions, the latest first, at most $1: what they said of one
-- itself, or else what they last said of a ring with its wallet, for the last $2 redemptions of the wallet until then.
select f.wallet_id, f.subject_id, f.label = 'fraud' as fraud
from (
  select distinct on (s.wallet_id, s.subject_id) s.wallet_id, s.subject_id, s.label, s.at
  from (
    (
      select l.wallet_id, l.subject_id, l.label, l.at, true as itself
      from review.label as l
      where l.subject_kind = 'reservation'
      order by l.at desc
      limit $1
    )
    union all
    (
      select r.wallet_id, e.subject_id, r.label, r.at, false
      from (
        select l.wallet_id, l.label, l.at
        from review.label as l
        where l.subject_kind = 'ring'
        order by l.at desc
        limit $1
      ) as r
      cross join lateral (
        select x.subject_id
        from ledger.entry as x
        where x.wallet_id = r.wallet_id and x.kind = 3 and x.at <= r.at
        order by x.seq desc
        limit $2
      ) as e
      limit $1
    )
  ) as s
  order by s.wallet_id asc, s.subject_id asc, s.itself desc, s.at desc
) as f
order by f.at desc, f.wallet_id asc, f.subject_id asc
limit $1
