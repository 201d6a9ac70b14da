-- Promise: where invariant 19 is broken, which says:
-- no session has idled inside a transaction, and none has waited for a lock, for $1 milliseconds.
-- Locks: none.
select
  case s.what
    when 'idle' then 'a session idles inside a transaction'
    else 'a session waits for a lock'
  end as sentence,
  null::uuid as wallet_id, null::text as program_id,
  json_build_object('pid', s.pid, 'application', s.application_name, 'milliseconds', s.milliseconds)::text as facts
from reconciliation.unfinished_sessions($1) as s
where s.what <> 'hidden'
limit $2
