-- Promise: what is recorded of each of these customers of a program: the lists it is on, and its attributes (null:
-- none).
select
  r.customer_ref,
  array(
    select m.segment_id from rules.segment_member as m
    where m.program_id = $1 and m.customer_ref = r.customer_ref
  ) as segment_ids,
  (
    select c.attributes from rules.customer as c
    where c.program_id = $1 and c.customer_ref = r.customer_ref
  ) as attributes
from unnest($2::text[]) as r (customer_ref)
