-- Promise: how many sessions of this database do what nobody here is shown.
-- Locks: none.
select count(*)
from reconciliation.unfinished_sessions(0) as s
where s.what = 'hidden'
