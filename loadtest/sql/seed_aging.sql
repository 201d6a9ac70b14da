-- Promise: wallets $1 to $2 of the program "aging", each with 100 pending of an event that is credited and 500 available:
-- of the first $3 the event is due to mature, of the next $3 what is available has expired, of every twentieth it
-- expires within ten days, of all others later. Volume for measuring, whose hashes prove nothing.
-- Locks: none that matter; run as the owner on an empty database.
with chosen as (
  select
    i, md5('a' || i)::uuid as wallet_id, md5('e' || i)::uuid as event_id,
    now() + case when i <= $3 then interval '-1 hour' else interval '13 days' end as matures_at,
    ledger.microseconds(
      date_trunc('day', now())
      + case
        when i > $3 and i <= 2 * $3 then interval '-1 hour'
        when i % 20 = 0 then 5 * interval '1 day'
        else (100 + i % 200) * interval '1 day'
      end
    ) as expires
  from generate_series($1::bigint, $2::bigint) as i
),
wallets as (
  insert into ledger.wallet (
    wallet_id, program_id, customer_ref, pending, available, version, revision, head, document, due_at
  )
  select
    c.wallet_id, 'aging', c.i::text, 100, 500, 1, 1, sha256(('a' || c.i)::bytea),
    format('[[[253402300799000000,100]],[[%s,500]],[],[],%s,0,0,[]]', c.expires, c.expires)::json, ledger.moment(c.expires)
  from chosen as c
),
entries as (
  insert into ledger.entry (
    wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
    subject_id, lots, at, hash
  )
  select
    c.wallet_id, 1, 1, 5, 2, 500, 100, 500, 0, 0, c.event_id, '[]', now() - interval '20 days', sha256(('a' || c.i)::bytea)
  from chosen as c
),
credits as (
  insert into ledger.credit (
    wallet_id, credit_id, amount, pending, frozen, frozen_from_pending, clawed_back, reference, expires_at, created_at,
    document
  )
  select
    c.wallet_id, c.event_id, 100, 100, 0, 0, 0, 'o1', ledger.moment(253402300799000000), now(),
    '[253402300799000000,0,[100,0,0,0,1],true,[]]'
  from chosen as c
),
events as (
  insert into earning.event (
    wallet_id, event_id, program_id, kind, state, source, source_event_id, order_ref, value_minor, occurred_at,
    received_at, due_at, amount, digest, content, result
  )
  select
    c.wallet_id, c.event_id, 'aging', 1, 5, 'till', c.i::text, 'o1', 2000, now(), now(), c.matures_at, 100,
    sha256(c.i::text::bytea),
    '{"kind":1,"occurred_at":1,"purchase":{"order_ref":"o1","currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price_minor":2000}]}}',
    '{}'
  from chosen as c
)
insert into earning.queue (wallet_id, program_id, due_at)
select c.wallet_id, 'aging', c.matures_at from chosen as c
