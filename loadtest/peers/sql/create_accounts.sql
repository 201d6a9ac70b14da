-- Promise: $1 accounts in the currency $2, named after $3 and their number; returns their ids. What is in them may not
-- fall below zero, except where $4 is true.
-- Locks: none that matter.
select account.id
from generate_series(1, $1::bigint) as n
cross join lateral pgledger_create_account(
  $3::text || n, $2::text, allow_negative_balance => $4::boolean, allow_positive_balance => true
) as account
