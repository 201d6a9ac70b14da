-- Promise: see sql/functions/05_close_slices.sql.
select earning.close_slices($1::uuid[])
