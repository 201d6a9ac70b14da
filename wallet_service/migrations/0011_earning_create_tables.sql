-- migrate:up

create schema earning;
grant usage on schema earning to wallet_app;

-- What happened outside, once for ever: its id is derived from source and the source's own id. `due_at` is the moment
-- of its next step by the program's clock; the end of 9999 means that nothing is due by itself.
create table earning.event (
  wallet_id uuid not null,
  event_id uuid not null,
  program_id text not null,
  kind smallint not null check (kind between 1 and 8),
  state smallint not null default 1 check (state between 1 and 9),
  source text not null,
  source_event_id text not null,
  order_ref text not null,
  value_minor bigint not null check (value_minor >= 0),
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  due_at timestamptz not null,
  tries smallint not null default 0,
  amount bigint not null default 0 check (amount >= 0),
  clawed_back bigint not null default 0,
  debt bigint not null default 0,
  digest bytea not null check (octet_length(digest) = 32),
  content json not null,
  result json not null,
  primary key (wallet_id, event_id),
  check (clawed_back between 0 and amount),
  check (debt between 0 and amount)
) with (fillfactor = 80);

create index event_due on earning.event (wallet_id, due_at) where due_at < '9999-01-01T00:00:00Z';
create index event_received on earning.event (wallet_id, received_at);
create index event_order on earning.event (wallet_id, order_ref) where order_ref <> '';
create index event_debt on earning.event (wallet_id) where debt > 0;

-- Wallets in which an event is due, one row each: the unit of claiming, so that one wallet's events keep their order
-- and its caps are counted by one worker at a time.
create table earning.queue (
  wallet_id uuid primary key,
  program_id text not null,
  due_at timestamptz not null,
  leased_until timestamptz not null default '1970-01-01T00:00:00Z',
  lease uuid
) with (fillfactor = 60);

create index queue_due on earning.queue (program_id, due_at);

-- What a wallet has used of each cap that reaches beyond an order.
create table earning.cap_use (
  wallet_id uuid not null,
  cap_key text not null,
  used bigint not null check (used >= 0),
  primary key (wallet_id, cap_key)
) with (fillfactor = 80);

-- How much of a campaign's budget workers have taken, in slices. `taken` is the sum of what is granted to its slices.
create table earning.budget (
  program_id text not null,
  cap_key text not null,
  limit_minor bigint not null,
  taken bigint not null check (taken >= 0),
  primary key (program_id, cap_key),
  check (taken <= limit_minor)
);

-- A part of a budget that one worker spends alone. A closed slice has given back what it had not used.
create table earning.budget_slice (
  slice_id uuid primary key,
  program_id text not null,
  cap_key text not null,
  granted bigint not null check (granted >= 0),
  used bigint not null default 0,
  leased_until timestamptz not null,
  open boolean not null default true,
  check (used between 0 and granted)
) with (fillfactor = 60);

create index budget_slice_open on earning.budget_slice (program_id, cap_key) where open;

-- How a program holds, matures and lets expire what is earned: every version, who wrote it and why.
create table earning.policy (
  program_id text not null,
  version bigint not null,
  document json not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key (program_id, version)
);

grant select on all tables in schema earning to wallet_app;

-- migrate:down
