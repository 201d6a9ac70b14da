-- migrate:up

-- Who had an event that was given up on tried again, and why: once for each id that the caller made.
create table earning.retry (
  wallet_id uuid not null,
  retry_id uuid not null,
  event_id uuid not null,
  actor text not null check (actor <> ''),
  reason text not null check (reason <> ''),
  at timestamptz not null,
  primary key (wallet_id, retry_id)
);

grant select on earning.retry to wallet_app;

-- Events that were never credited give back what they had used of caps and budgets, as those do that end so from the
-- version on in which budgets are refilled. Chosen once, so that the three steps are about the same; an event that says
-- already what it gave back is left alone.
create temporary table unrefilled on commit drop as
select
  e.wallet_id, e.event_id, e.program_id, u.value ->> 'cap_key' as cap_key, (u.value ->> 'amount')::bigint as amount
from earning.event as e
cross join lateral json_array_elements(e.result -> 'priced' -> 'caps') as u
where e.state in (3, 9) and e.amount = 0 and e.kind <> 8 and e.result -> 'refilled' is null;

-- In the order in which a worker takes its locks: budgets, events, caps of wallets.
update earning.budget as b
set taken = b.taken - least(r.amount, b.taken), refilled = b.refilled + least(r.amount, b.taken)
from (
  select u.program_id, u.cap_key, sum(u.amount) as amount from unrefilled as u group by u.program_id, u.cap_key
) as r
where b.program_id = r.program_id and b.cap_key = r.cap_key;

update earning.event as e
set result = jsonb_set(e.result::jsonb, '{refilled}', e.result::jsonb -> 'priced' -> 'caps')::json
from (select distinct u.wallet_id, u.event_id from unrefilled as u) as r
where e.wallet_id = r.wallet_id and e.event_id = r.event_id;

update earning.cap_use as c
set used = greatest(c.used - r.amount, 0)
from (
  select u.wallet_id, u.cap_key, sum(u.amount) as amount
  from unrefilled as u
  where not exists (
    select from earning.budget as b where b.program_id = u.program_id and b.cap_key = u.cap_key
  )
  group by u.wallet_id, u.cap_key
) as r
where c.wallet_id = r.wallet_id and c.cap_key = r.cap_key;

-- migrate:down
