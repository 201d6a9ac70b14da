-- Promise: fraud.forget_links.
select fraud.forget_links($1, $2)
