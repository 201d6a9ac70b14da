-- Promise: see sql/functions/11_put_off.sql.
select earning.put_off($1, $2, $3, $4)
