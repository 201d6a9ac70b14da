-- What must be known of the server before money is trusted to it. Reads settings and one catalog row; takes no lock.
select
    current_setting('server_version_num')::integer as version,
    current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('full_page_writes') as full_page_writes,
    current_user::text as role_name,
    r.rolsuper as is_superuser
from pg_catalog.pg_roles as r
where r.rolname = current_user
