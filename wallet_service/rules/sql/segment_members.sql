-- Promise: who is on a segment's list after a customer, in order.
select customer_ref
from rules.segment_member
where program_id = $1 and segment_id = $2 and customer_ref > $3
order by customer_ref
limit $4
