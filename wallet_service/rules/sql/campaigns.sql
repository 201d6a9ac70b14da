-- Promise: the campaigns of a program after an id, in order.
select campaign_id, revision, document
from rules.campaign
where program_id = $1 and campaign_id > $2
order by campaign_id
limit $3
