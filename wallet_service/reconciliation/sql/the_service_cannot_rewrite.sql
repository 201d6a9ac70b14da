-- Promise: where invariant 16 is broken, which says:
-- the role this runs as may not write, empty or own any table, may not become somebody who can, and every
-- function that writes runs as its owner on a fixed search path and not for everybody. At most $1 rows.
-- Locks: none.
select
  'the service may ' || lower(p.privilege) || ' where it must not' as sentence, null::uuid as wallet_id,
  null::text as program_id,
  json_build_object('role', current_user, 'table', c.oid::regclass::text, 'privilege', p.privilege)::text as facts
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join (values ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) as p (privilege)
where c.relkind in ('r', 'p', 'f', 'v', 'm')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname !~ '^pg_(temp|toast_temp)_'
  -- What an extension brought is not ours to judge.
  and not exists (select from pg_catalog.pg_depend as d where d.objid = c.oid and d.deptype = 'e')
  and (
    has_table_privilege(c.oid, p.privilege)
    or (p.privilege in ('INSERT', 'UPDATE') and has_any_column_privilege(c.oid, p.privilege))
  )
union all
select
  'the service owns a table', null, null,
  json_build_object('role', current_user, 'table', c.oid::regclass::text)::text
from pg_catalog.pg_class as c
where c.relkind in ('r', 'p') and c.relowner = current_user::regrole
union all
select
  'the service could become a role that may do everything', null, null,
  json_build_object('role', current_user, 'may_become', r.rolname)::text
from pg_catalog.pg_roles as r
where pg_has_role(current_user, r.oid, 'MEMBER')
  and (
    r.rolsuper
    or r.rolname in ('pg_write_all_data', 'pg_execute_server_program', 'pg_write_server_files')
    or exists (
      select from pg_catalog.pg_class as c
      where c.relowner = r.oid and c.oid in ('ledger.entry'::regclass, 'ledger.operation'::regclass)
    )
  )
union all
select
  case
    when not f.prosecdef then 'a function that writes does not run as its owner'
    when f.open_to_all then 'a function that writes may be called by everybody'
    else 'a function that writes has no search path of its own'
  end,
  null, null, json_build_object('function', f.oid::regprocedure::text)::text
from (
  select
    p.oid, p.prosecdef, p.proconfig,
    exists (
      select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
      where a.grantee = 0 and a.privilege_type = 'EXECUTE'
    ) as open_to_all
  from pg_catalog.pg_proc as p
  inner join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where p.provolatile = 'v'
    and n.nspname not in ('pg_catalog', 'information_schema', 'public')
    and n.nspname !~ '^pg_'
    and not exists (select from pg_catalog.pg_depend as d where d.objid = p.oid and d.deptype = 'e')
) as f
where not f.prosecdef
  or f.open_to_all
  or not exists (select from unnest(f.proconfig) as setting where setting like 'search_path=%')
limit $1
