-- migrate:up

-- What a program does about fraud: every version, who wrote it and why. Never changed; the newest is in force.
create table fraud.policy (
  program_id text not null references ledger.program,
  version bigint not null check (version > 0),
  document text not null,
  origin text not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key (program_id, version)
);

-- What was seen of devices, addresses, payment methods and referrers of a program; `key` is a keyed hash.
create table fraud.device (
  program_id text not null,
  kind text not null check (kind in ('device', 'address', 'payment', 'referrer')),
  key text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  primary key (program_id, kind, key),
  check (first_seen <= last_seen)
) with (fillfactor = 80);

create index device_last_seen on fraud.device (program_id, last_seen);

-- Which wallet was seen with which of these.
create table fraud.wallet_device (
  wallet_id uuid not null,
  kind text not null check (kind in ('device', 'address', 'payment', 'referrer')),
  key text not null,
  program_id text not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  primary key (wallet_id, kind, key),
  check (first_seen <= last_seen)
) with (fillfactor = 80);

create index wallet_device_by_key on fraud.wallet_device (program_id, kind, key, last_seen);
create index wallet_device_last_seen on fraud.wallet_device (program_id, last_seen);

grant select on all tables in schema fraud to wallet_app;

-- migrate:down
