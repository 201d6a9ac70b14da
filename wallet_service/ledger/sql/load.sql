-- Promise: everything that a batch needs to decide, in one statement: the wallets it names ($1), and what is recorded
-- under the ids it names: closed reservations ($2, $3), credits ($4, $5), operations ($6, $7). `what` tells the kinds
-- apart, `ord` is the position in the arrays that asked. The last row is the time: the only clock that decides.
-- Locks: none; ledger.append checks that nothing has changed since.
select
  0 as what, n.ord, w.program_id as a, w.customer_ref as b, w.state, w.pending, w.available, w.reserved, w.frozen,
  w.version, w.revision, w.head, w.document::text as document, ledger.microseconds(p.clock_at) as clock,
  null::text as c, null::text as d, p.version as program_version
from unnest($1::uuid[]) with ordinality as n (wallet_id, ord)
inner join ledger.wallet as w on w.wallet_id = n.wallet_id
inner join ledger.program as p on p.program_id = w.program_id
union all
select
  1, n.ord, null, null, null, null, null, null, null, null, null, null, r.document::text, null, null, null, null
from unnest($2::uuid[], $3::uuid[]) with ordinality as n (wallet_id, reservation_id, ord)
inner join ledger.reservation as r on r.wallet_id = n.wallet_id and r.reservation_id = n.reservation_id
union all
select
  2, n.ord, c.reference, null, null, c.amount, c.pending, c.frozen, c.frozen_from_pending, c.clawed_back, null, null,
  c.document::text, null, null, null, null
from unnest($4::uuid[], $5::uuid[]) with ordinality as n (wallet_id, credit_id, ord)
inner join ledger.credit as c on c.wallet_id = n.wallet_id and c.credit_id = n.credit_id
union all
select
  3, n.ord, o.kind, o.content, null, null, null, null, null, null, null, null, o.document::text, null, o.actor, o.reason, null
from unnest($6::uuid[], $7::uuid[]) with ordinality as n (wallet_id, operation_id, ord)
inner join ledger.operation as o on o.wallet_id = n.wallet_id and o.operation_id = n.operation_id
union all
select
  4, 0, null, null, null, null, null, null, null, null, null, null, null,
  ledger.microseconds(clock_timestamp()), null, null, null
