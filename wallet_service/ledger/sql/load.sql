-- Promise: everything that a batch needs to decide, in one statement: the wallets it names ($1), and what is recorded
-- under the ids it names: closed reservations ($2, $3), credits ($4, $5), operations ($6, $7). `what` tells the kinds
-- apart, `ord` is the position in the arrays that asked. The last row is the time: the only clock that decides.
-- Why the laterals: a table that was empty when it was analyzed looks small ever after, and would be joined by reading
-- one of its indexes from end to end. A limit keeps each look-up a look-up.
-- Locks: none; ledger.append checks that nothing has changed since.
select
  0 as what, n.ord, w.program_id as a, w.customer_ref as b, w.state, w.pending, w.available, w.reserved, w.frozen,
  w.version, w.revision, w.head, w.document::text as document, ledger.microseconds(p.clock_at) as clock,
  null::text as c, null::text as d, p.version as program_version
from unnest($1::uuid[]) with ordinality as n (wallet_id, ord)
cross join lateral (
  select x.* from ledger.wallet as x where x.wallet_id = n.wallet_id limit 1
) as w
inner join ledger.program as p on p.program_id = w.program_id
union all
select
  1, n.ord, null, null, null, null, null, null, null, null, null, null, r.document::text, null, null, null, null
from unnest($2::uuid[], $3::uuid[]) with ordinality as n (wallet_id, reservation_id, ord)
cross join lateral (
  select x.* from ledger.reservation as x where x.wallet_id = n.wallet_id and x.reservation_id = n.reservation_id limit 1
) as r
union all
select
  2, n.ord, c.reference, null, null, c.amount, c.pending, c.frozen, c.frozen_from_pending, c.clawed_back, null, null,
  c.document::text, null, null, null, null
from unnest($4::uuid[], $5::uuid[]) with ordinality as n (wallet_id, credit_id, ord)
cross join lateral (
  select x.* from ledger.credit as x where x.wallet_id = n.wallet_id and x.credit_id = n.credit_id limit 1
) as c
union all
select
  3, n.ord, o.kind, o.content, null, null, null, null, null, null, null, null, o.document::text, null, o.actor, o.reason, null
from unnest($6::uuid[], $7::uuid[]) with ordinality as n (wallet_id, operation_id, ord)
cross join lateral (
  select x.* from ledger.operation as x where x.wallet_id = n.wallet_id and x.operation_id = n.operation_id limit 1
) as o
union all
select
  4, 0, null, null, null, null, null, null, null, null, null, null, null,
  ledger.microseconds(clock_timestamp()), null, null, null
