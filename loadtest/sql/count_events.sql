-- Promise: how many events have been credited, or have come to another end, and how many are still to be worked on.
-- Locks: none.
select
  count(*) filter (where e.state not in (1, 4)) as worked,
  count(*) filter (where e.state in (1, 4)) as waiting
from earning.event as e
