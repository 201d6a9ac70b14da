-- Promise: see sql/functions/07_review.sql.
select earning.review($1, $2, $3)
