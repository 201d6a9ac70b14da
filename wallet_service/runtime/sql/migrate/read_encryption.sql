-- Whether this connection is encrypted, so that the migration tool connects in the same way.
select c.ssl as encrypted
from pg_catalog.pg_stat_ssl as c
where c.pid = pg_backend_pid()
