-- Promise: see sql/functions/01_accept.sql.
select a.ordinal, a.verdict from earning.accept($1::json) as a order by a.ordinal
