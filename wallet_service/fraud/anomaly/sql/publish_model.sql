-- Promise: fraud.publish_model.
select fraud.publish_model($1, $2, $3, $4)
