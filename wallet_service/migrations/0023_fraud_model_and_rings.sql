-- migrate:up

create schema if not exists fraud;
grant usage on schema fraud to wallet_app;

-- What a wallet was seen with: a device, an address, a payment means, a referrer; only as keyed hashes (a referrer as
-- its wallet's id). `joined` says whether the rings know of it already.
create table fraud.link (
  wallet_id uuid not null,
  kind smallint not null check (kind between 1 and 4),
  key bytea not null check (octet_length(key) between 16 and 32),
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  joined boolean not null default false,
  primary key (wallet_id, kind, key),
  check (first_seen <= last_seen)
) with (fillfactor = 80);

create index link_waiting on fraud.link (wallet_id) where not joined;
create index link_last_seen on fraud.link (last_seen);

-- A key that wallets share: how many there are by now, one of them to find their ring by, and whether there are so
-- many that it no longer says anything about who belongs together (a hub).
create table fraud.link_key (
  kind smallint not null,
  key bytea not null,
  degree integer not null check (degree >= 0),
  hub boolean not null default false,
  wallet_id uuid,
  primary key (kind, key)
) with (fillfactor = 70);

-- Wallets that hang together through keys that are no hubs. A ring that was taken in by a larger one names it; one
-- that fell apart has no wallets any more. `stale`: a key of it became a hub, so it may hang together no longer.
create table fraud.ring (
  ring_id uuid primary key,
  wallets integer not null check (wallets >= 0),
  stale boolean not null default false,
  merged_into uuid,
  changed_at timestamptz not null,
  revision bigint not null default 1,
  judged_revision bigint not null default 0,
  suspicion smallint not null default 0 check (suspicion between 0 and 100),
  reasons jsonb not null default '[]',
  anchor_id uuid
) with (fillfactor = 70);

create index ring_stale on fraud.ring (ring_id) where stale;
create index ring_unjudged on fraud.ring (changed_at) where judged_revision < revision;

create table fraud.ring_member (
  wallet_id uuid primary key,
  ring_id uuid not null
) with (fillfactor = 80);

create index ring_member_ring on fraud.ring_member (ring_id);

-- One row: whoever changes rings holds it, so that two who join the same wallets do not miss each other.
create table fraud.ring_turn (
  turn smallint primary key check (turn = 1)
);
insert into fraud.ring_turn (turn) values (1);

-- Models of what redemptions usually look like, each for ever. `document` is trees, calibration and how to go on
-- learning; `metrics` is what it was measured by.
create table fraud.model (
  version bigint primary key check (version > 0),
  parent bigint not null,
  origin text not null check (origin in ('train', 'stream')),
  document bytea not null,
  metrics jsonb not null,
  trained_at timestamptz not null,
  actor text not null,
  reason text not null
);

-- Which version scores: every publication and every return to an earlier version, in order. The last one counts.
create table fraud.model_publication (
  revision bigint primary key check (revision > 0),
  version bigint not null,
  at timestamptz not null,
  actor text not null,
  reason text not null
);

grant select on all tables in schema fraud to wallet_app;

-- migrate:down
