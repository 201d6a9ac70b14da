-- Promise: a timestamp as whole microseconds since 1970.
create or replace function ledger.microseconds(p_moment timestamptz) returns bigint
language sql immutable parallel safe
return (extract(epoch from p_moment) * 1000000)::bigint;
