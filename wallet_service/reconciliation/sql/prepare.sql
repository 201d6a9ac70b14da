-- Promise: for this transaction alone, room and time to read whole tables: $1 is the statement timeout in milliseconds.
-- Why: the service's own sessions are made for statements that touch a few rows by index.
select
  set_config('statement_timeout', $1::text, true),
  set_config('enable_seqscan', 'on', true),
  set_config('work_mem', '64MB', true)
