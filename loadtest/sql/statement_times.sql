-- Promise: answers how long the statements of the service took since the counters were set to zero.
select s.query, sum(s.total_exec_time) as milliseconds
from pg_stat_statements as s
join pg_roles as r on r.oid = s.userid
where r.rolname <> 'postgres' or s.query ilike '%ledger.%'
group by s.query
