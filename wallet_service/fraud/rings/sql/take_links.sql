-- Promise: fraud.take_links.
select * from fraud.take_links($1)
