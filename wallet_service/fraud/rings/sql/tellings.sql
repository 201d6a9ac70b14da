-- Promise: answers what a person was told of rings that any of these wallets stood for, the latest first, at most $2: the
-- subject, how many wallets were in it, and which earlier tellings it named.
select
  j.wallet_id, j.subject_id, coalesce((j.signals ->> 'ring.wallets')::bigint, 0) as wallets,
  coalesce(j.signals ->> 'ring.earlier', '[]') as earlier
from fraud.judgement as j
where j.wallet_id = any ($1::uuid[]) and j.subject_kind = 'ring'
order by j.judged_at desc, j.subject_id asc
limit $2
