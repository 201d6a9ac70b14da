-- Promise: a draft as it is now.
select name, revision, document, subject
from rules.draft
where program_id = $1 and name = $2
