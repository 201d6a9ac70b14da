-- Promise: fraud.forget_links_v2.
select fraud.forget_links_v2($1, $2, $3)
