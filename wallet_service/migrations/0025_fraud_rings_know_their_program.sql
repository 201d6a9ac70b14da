-- migrate:up

-- Whose rules say how long a link counts and what makes a key a hub; empty: of a wallet that the ledger does not know.
alter table fraud.link add column program_id text not null default '';

update fraud.link as l
set program_id = w.program_id
from ledger.wallet as w
where w.wallet_id = l.wallet_id;

-- Links are forgotten program by program, each by its own clock. The index on last_seen alone is for processes of the
-- version before.
create index link_program_seen on fraud.link (program_id, last_seen);

-- The program that most wallets of a ring are in, and a mark of the rules that it was last judged by: a ring that was
-- judged by others than those in force is judged again. Empty: by the rules that hold where nobody has said anything.
alter table fraud.ring add column program_id text not null default '', add column judged_by text not null default '';

update fraud.ring as r
set program_id = m.program_id
from (
  select distinct on (x.ring_id) x.ring_id, w.program_id
  from fraud.ring_member as x
  join ledger.wallet as w on w.wallet_id = x.wallet_id
  order by x.ring_id, x.wallet_id
) as m
where m.ring_id = r.ring_id;

create index ring_judged_by on fraud.ring (program_id, judged_by) where wallets > 0;

-- migrate:down
