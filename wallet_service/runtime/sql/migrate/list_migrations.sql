-- The migrations that this database holds, oldest first.
select m.version
from public.schema_migrations as m
order by m.version
