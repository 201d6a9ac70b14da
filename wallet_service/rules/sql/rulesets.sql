-- Promise: the published versions below a number, the newest first.
select
  version, document, origin, ledger.microseconds(effective_at) as effective_at,
  ledger.microseconds(published_at) as published_at, actor, reason, maker, subject
from rules.ruleset
where program_id = $1 and version < $2
order by version desc
limit $3
