-- What the database holds, and whether this connection is encrypted. Fails with 42P01 before the first migration.
select
    s.fingerprint,
    c.ssl as encrypted
from pg_catalog.pg_stat_ssl as c
left join public.schema_state as s on true
where c.pid = pg_backend_pid()
