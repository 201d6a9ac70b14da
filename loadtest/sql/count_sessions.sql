-- Promise: how many sessions of the service there are, and how many of them stand idle in a transaction.
-- Locks: none.
select
  count(*) as sessions,
  count(*) filter (where state like 'idle in transaction%') as idle_in_transaction
from pg_catalog.pg_stat_activity
where datname = current_database() and application_name like 'wallet%'
