-- migrate:up

-- Which wallet an event came in for: source and the source's own id count once in a program, whatever wallet a second
-- delivery names. A table of its own, because the events are kept by wallet; written with the event, and never changed.
create table earning.event_key (
  program_id text not null,
  event_id uuid not null,
  wallet_id uuid not null,
  primary key (program_id, event_id)
);

-- Which wallet the first purchase of an order came in for: the order earns there, or not at all.
create table earning.order_key (
  program_id text not null,
  order_ref text not null check (order_ref <> ''),
  wallet_id uuid not null,
  primary key (program_id, order_ref)
);

grant select on earning.event_key, earning.order_key to wallet_app;

-- What came in for several wallets stays as it is: the key is of the wallet where it earned, or else came in, first. The
-- other wallets go on knowing their events as their own.
insert into earning.event_key (program_id, event_id, wallet_id)
select distinct on (e.program_id, e.event_id) e.program_id, e.event_id, e.wallet_id
from earning.event as e
order by
  e.program_id asc, e.event_id asc, e.state in (4, 5, 6, 7) desc, e.received_at asc, e.wallet_id asc
on conflict do nothing;

insert into earning.order_key (program_id, order_ref, wallet_id)
select distinct on (e.program_id, e.order_ref) e.program_id, e.order_ref, e.wallet_id
from earning.event as e
where e.kind = 1 and e.order_ref <> ''
order by
  e.program_id asc, e.order_ref asc, e.state in (4, 5, 6, 7) desc, e.received_at asc, e.wallet_id asc
on conflict do nothing;

-- migrate:down
