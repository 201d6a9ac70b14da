-- Promise: answers how many wallets wait with something due by the database's clock, counted up to ten thousand.
select count(*) from (
  select q.wallet_id from earning.queue as q
  join ledger.program as p on p.program_id = q.program_id
  where q.due_at <= coalesce(p.clock_at, clock_timestamp())
  limit 10000
) as waiting
