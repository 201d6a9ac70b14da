-- Promise: answers how often the write-ahead log was made durable, and how long whoever asked for it waited.
select sum(i.fsyncs)::bigint as syncs, coalesce(sum(i.fsync_time), 0)::float8 as sync_milliseconds
from pg_stat_io as i
where i.object = 'wal'
