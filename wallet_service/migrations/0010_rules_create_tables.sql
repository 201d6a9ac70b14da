-- migrate:up

create schema rules;
grant usage on schema rules to wallet_app;

-- What has changed of a program's rules, counted: a process that knows this revision knows all of the others below.
create table rules.state (
  program_id text primary key references ledger.program,
  revision bigint not null
);

-- A ruleset that is being written. Findings are not kept: they are worked out again whenever they are asked for.
create table rules.draft (
  program_id text not null references ledger.program,
  name text not null,
  revision bigint not null,
  document text not null,
  updated_at timestamptz not null,
  primary key (program_id, name)
);

-- What was published, for ever. The newest version whose time has come is in force.
create table rules.ruleset (
  program_id text not null references ledger.program,
  version bigint not null check (version > 0),
  document text not null,
  origin text not null,
  effective_at timestamptz not null,
  published_at timestamptz not null,
  actor text not null,
  reason text not null,
  primary key (program_id, version)
);

create table rules.campaign (
  program_id text not null references ledger.program,
  campaign_id text not null,
  revision bigint not null,
  document text not null,
  budget bigint not null check (budget >= 0),
  funding_account text not null,
  updated_at timestamptz not null,
  primary key (program_id, campaign_id)
);

create table rules.segment (
  program_id text not null references ledger.program,
  segment_id text not null,
  revision bigint not null,
  title text not null,
  updated_at timestamptz not null,
  primary key (program_id, segment_id)
);

-- Keyed by customer first: an event asks for the segments of one customer.
create table rules.segment_member (
  program_id text not null,
  customer_ref text not null,
  segment_id text not null,
  primary key (program_id, customer_ref, segment_id)
);

create index segment_member_by_segment on rules.segment_member (program_id, segment_id, customer_ref);

-- Who changed what, and why.
create table rules.change (
  program_id text not null,
  kind text not null check (kind in ('draft', 'ruleset', 'campaign', 'segment')),
  name text not null,
  revision bigint not null,
  document text not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key (program_id, kind, name, revision)
);

grant select on all tables in schema rules to wallet_app;

-- migrate:down
