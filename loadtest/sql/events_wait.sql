-- Promise: whether any wallet has an event that is due or under way.
-- Locks: none.
select exists (select from earning.queue as q where q.due_at <= clock_timestamp()) as waiting
