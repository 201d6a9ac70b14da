-- Promise: the segments of each of these customers of a program; a customer in none has no row.
select customer_ref, array_agg(segment_id) as segment_ids
from rules.segment_member
where program_id = $1 and customer_ref = any($2::text[])
group by customer_ref
