-- Promise: answers the last acts on a case, the latest first.
select
  a.seq, a.act_id, a.kind, a.actor, a.reason, a.before::text as before, a.after::text as after,
  ledger.microseconds(a.at) as at
from review.case_act as a
where a.wallet_id = $1 and a.case_id = $2
order by a.seq desc
limit $3
