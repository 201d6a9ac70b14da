-- migrate:up

-- The role the service works as: it may read and call functions, nothing else. Roles belong to the whole server,
-- so another database on it may have made it already.
do $$
begin
  create role wallet_app nologin;
exception
  when duplicate_object or unique_violation then null;
end
$$;

create schema ledger;
grant usage on schema ledger to wallet_app;

create table ledger.program (
  program_id text primary key,
  version bigint not null,
  display_name text not null,
  sandbox boolean not null,
  asset text not null,
  exponent smallint not null check (exponent between 0 and 8),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  rate_numerator bigint not null check (rate_numerator > 0),
  rate_denominator bigint not null check (rate_denominator > 0),
  floor_minor bigint not null check (floor_minor <= 0),
  policy jsonb not null,
  clock_at timestamptz check (clock_at is null or sandbox),
  updated_at timestamptz not null
);

-- Every version a program ever had, with who changed it and why.
create table ledger.program_history (
  program_id text not null references ledger.program,
  version bigint not null,
  document jsonb not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key (program_id, version)
);

-- One customer's account in one program: the unit of order and of locking. `document` holds what only the deciding
-- code reads: lots, open reservations, moments. `revision` is the optimistic lock, `version` the number of the last
-- entry. `due_at` is never later than the moment when something of the wallet falls due; it is moved forward lazily,
-- so that the usual update leaves every index alone.
create table ledger.wallet (
  wallet_id uuid primary key,
  program_id text not null references ledger.program,
  customer_ref text not null,
  state smallint not null default 1 check (state between 1 and 3),
  pending bigint not null default 0 check (pending >= 0),
  available bigint not null default 0,
  reserved bigint not null default 0 check (reserved >= 0),
  frozen bigint not null default 0 check (frozen >= 0),
  floor_minor bigint not null default 0 check (floor_minor <= 0),
  version bigint not null default 0 check (version >= 0),
  revision bigint not null default 0,
  head bytea not null check (octet_length(head) = 32),
  document json not null,
  due_at timestamptz not null default '9999-12-31T23:59:59Z',
  check (available >= floor_minor)
) with (fillfactor = 60);

create index wallet_due on ledger.wallet (program_id, due_at) where due_at < '9999-01-01T00:00:00Z';

-- One immutable move of a positive amount from one account to another, with the balances after it.
create table ledger.entry (
  wallet_id uuid not null,
  seq bigint not null check (seq > 0),
  kind smallint not null check (kind between 1 and 12),
  source smallint not null check (source between 1 and 9),
  target smallint not null check (target between 1 and 9),
  amount bigint not null check (amount > 0),
  pending_after bigint not null check (pending_after >= 0),
  available_after bigint not null,
  reserved_after bigint not null check (reserved_after >= 0),
  frozen_after bigint not null check (frozen_after >= 0),
  subject_id uuid not null,
  act_id uuid,
  lots json not null,
  detail text,
  at timestamptz not null,
  hash bytea not null check (octet_length(hash) = 32),
  primary key (wallet_id, seq),
  check (source <> target)
);

-- Reservations that have ended. Open ones live in the wallet's document; a row is written once, when HELD is left, and
-- later only `restored` grows.
create table ledger.reservation (
  wallet_id uuid not null,
  reservation_id uuid not null,
  state smallint not null check (state between 2 and 5),
  amount bigint not null check (amount > 0),
  committed bigint not null,
  restored bigint not null default 0,
  order_ref text not null,
  created_at timestamptz not null,
  closed_at timestamptz not null,
  document json not null,
  primary key (wallet_id, reservation_id),
  check (committed between 0 and amount),
  check (restored between 0 and committed),
  check (state <> 2 or committed > 0),
  check (state <> 5 or committed = 0)
);

-- Value that one event brought, and what has become of it.
create table ledger.credit (
  wallet_id uuid not null,
  credit_id uuid not null,
  amount bigint not null check (amount > 0),
  pending bigint not null check (pending >= 0),
  frozen bigint not null check (frozen >= 0),
  frozen_from_pending bigint not null check (frozen_from_pending between 0 and frozen),
  clawed_back bigint not null check (clawed_back between 0 and amount),
  reference text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  document json not null,
  primary key (wallet_id, credit_id),
  check (pending + frozen + clawed_back <= amount)
) with (fillfactor = 80);

-- What is remembered of a command that has no document of its own: its content and its answer. Also the audit trail
-- of what people did to wallets.
create table ledger.operation (
  wallet_id uuid not null,
  operation_id uuid not null,
  kind text not null,
  content text not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  document json not null,
  primary key (wallet_id, operation_id)
);

-- What the functions that write are given: one row each. Moments are microseconds since 1970. A type is never changed;
-- a new shape is a new type and a new function beside the old, so that old and new processes can run together.
create type ledger.wallet_row as (
  wallet_id uuid, expected bigint, revision bigint, state smallint, pending bigint, available bigint, reserved bigint,
  frozen bigint, version bigint, floor bigint, head bytea, document text, due bigint
);

create type ledger.entry_row as (
  wallet_id uuid, seq bigint, kind smallint, source smallint, target smallint, amount bigint, pending bigint,
  available bigint, reserved bigint, frozen bigint, subject uuid, act uuid, lots text, detail text, at bigint,
  hash bytea
);

create type ledger.reservation_row as (
  wallet_id uuid, reservation_id uuid, state smallint, amount bigint, committed bigint, restored bigint,
  order_ref text, created bigint, closed bigint, document text
);

create type ledger.credit_row as (
  wallet_id uuid, credit_id uuid, amount bigint, pending bigint, frozen bigint, frozen_from_pending bigint,
  clawed_back bigint, reference text, expires bigint, created bigint, document text
);

create type ledger.operation_row as (
  wallet_id uuid, operation_id uuid, kind text, content text, actor text, reason text, at bigint, document text
);

grant select on all tables in schema ledger to wallet_app;

-- migrate:down
