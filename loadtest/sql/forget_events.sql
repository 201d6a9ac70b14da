-- Promise: nothing waits to be worked on any more, so that what is measured next is alone.
-- Locks: both tables, whole; run as the owner while no service runs.
truncate earning.event, earning.queue
