-- Promise: answers the newest versions below a number without their trees, and whether each is the one that scores.
select
  m.version, m.parent, m.origin, m.metrics, ledger.microseconds(m.trained_at) as trained_at, m.actor, m.reason,
  m.version = coalesce(p.version, 0) as published
from fraud.model as m
left join (select x.version from fraud.model_publication as x order by x.revision desc limit 1) as p on true
where m.version < $1
order by m.version desc
limit $2
