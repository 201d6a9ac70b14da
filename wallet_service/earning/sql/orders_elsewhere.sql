-- Promise: answers which of these wallets' orders, in their programs, are bound to another wallet.
select o.wallet_id, o.order_ref
from unnest($1::uuid[], $2::text[], $3::text[]) as o (wallet_id, program_id, order_ref)
cross join lateral (
  select x.wallet_id
  from earning.order_key as x
  where x.program_id = o.program_id and x.order_ref = o.order_ref
  limit 1
) as k
where k.wallet_id <> o.wallet_id
