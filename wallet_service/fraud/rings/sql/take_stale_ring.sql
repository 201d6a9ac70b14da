-- Promise: fraud.take_stale_ring.
select * from fraud.take_stale_ring()
