-- Promise: where invariant 12 is broken, which says:
-- value moves only along the ways its kind allows; so only what was available can be reserved, and only
-- what was reserved can be redeemed: pending and frozen value cannot be spent.
-- Locks: none.
with way (kind, source, target) as (
  values
    (1, 5, 1), (1, 5, 2), -- credit: issued to pending or available
    (2, 1, 2), -- mature: pending to available
    (3, 2, 3), -- reserve: available to reserved
    (4, 3, 6), -- commit: reserved to redeemed
    (5, 3, 2), (6, 3, 2), -- release and expiry of a reservation: back to available
    (7, 2, 7), (7, 1, 7), (7, 4, 7), -- expiry of lots; closing a wallet forfeits what is pending and frozen too
    (8, 1, 4), (8, 2, 4), -- freeze
    (9, 4, 1), (9, 4, 2), (9, 7, 2), -- unfreeze; what had expired meanwhile pays what is owed
    (10, 4, 8), (10, 1, 8), (10, 2, 8), (10, 7, 8), -- claw back, also of what had expired
    (11, 6, 2), -- restore: redeemed to available
    (12, 9, 2), (12, 2, 9) -- adjust
)
select
  'value moved along a way that its kind does not allow' as sentence, e.wallet_id, w.program_id,
  json_build_object('seq', e.seq, 'kind', e.kind, 'source', e.source, 'target', e.target, 'amount', e.amount)::text
    as facts
from ledger.entry as e
inner join ledger.wallet as w on w.wallet_id = e.wallet_id
where ($1::text is null or w.program_id = $1)
  and not exists (select from way where way.kind = e.kind and way.source = e.source and way.target = e.target)
limit $2
