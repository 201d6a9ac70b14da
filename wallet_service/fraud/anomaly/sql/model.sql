-- Promise: answers a version's document.
select m.document from fraud.model as m where m.version = $1
