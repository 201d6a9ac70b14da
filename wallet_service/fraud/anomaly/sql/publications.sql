-- Promise: answers the last publications, the newest first: the first is of the version that scores.
select p.revision, p.version from fraud.model_publication as p order by p.revision desc limit $1
