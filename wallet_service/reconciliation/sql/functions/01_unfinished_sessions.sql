-- Promise: the sessions of this database that have idled inside a transaction or waited for a lock for at least
-- p_milliseconds, and those of other logins whose state the owner of the schema is not shown ('hidden').
-- Locks: none.
-- Why as the owner: the service's role is shown the state of no session, not even of its own.
create or replace function reconciliation.unfinished_sessions(p_milliseconds bigint)
returns table (pid integer, application_name text, what text, milliseconds bigint)
language sql security definer volatile
set search_path = pg_catalog, pg_temp
as $$
select s.pid, s.application_name, s.what, s.milliseconds
from (
  select
    a.pid, a.application_name,
    case
      when w.waitstart is not null then 'waiting'
      when a.state is null then 'hidden'
      when a.state like 'idle in transaction%' then 'idle'
    end as what,
    (extract(epoch from clock_timestamp() - coalesce(w.waitstart, a.state_change)) * 1000)::bigint as milliseconds
  from pg_catalog.pg_stat_activity as a
  left join (
    select l.pid, min(l.waitstart) as waitstart from pg_catalog.pg_locks as l where not l.granted group by l.pid
  ) as w on w.pid = a.pid
  where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
) as s
where s.what = 'hidden' or (s.what is not null and s.milliseconds >= p_milliseconds)
$$;
revoke all on function reconciliation.unfinished_sessions from public;
grant execute on function reconciliation.unfinished_sessions to wallet_app;
