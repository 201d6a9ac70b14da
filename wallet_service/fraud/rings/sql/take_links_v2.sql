-- Promise: fraud.take_links_v2.
select * from fraud.take_links_v2($1)
