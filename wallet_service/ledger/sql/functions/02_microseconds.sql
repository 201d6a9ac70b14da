-- Promise: a timestamp as whole microseconds since 1970. Stable, as extract() is: called immutable it would not be
-- inlined, and cost two microseconds for every row of every load.
create or replace function ledger.microseconds(p_moment timestamptz) returns bigint
language sql stable parallel safe
return (extract(epoch from p_moment) * 1000000)::bigint;
