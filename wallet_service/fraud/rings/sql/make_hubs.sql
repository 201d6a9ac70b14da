-- Promise: fraud.make_hubs.
select fraud.make_hubs($1::bytea[])
