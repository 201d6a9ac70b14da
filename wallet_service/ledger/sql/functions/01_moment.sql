-- Promise: microseconds since 1970 as a timestamp, exactly. Inlined; floats would lose the last digits.
create or replace function ledger.moment(p_microseconds bigint) returns timestamptz
language sql stable parallel safe
return timestamptz '1970-01-01T00:00:00Z' + p_microseconds * interval '1 microsecond';
