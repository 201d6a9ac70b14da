-- Promise: one program.
select
  program_id, version, display_name, sandbox, asset, exponent, currency, rate_numerator, rate_denominator, floor_minor,
  policy::text as policy, ledger.microseconds(clock_at) as clock_at
from ledger.program
where program_id = $1
