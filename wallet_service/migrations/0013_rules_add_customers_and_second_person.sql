-- migrate:up

-- Who belongs to a segment by attributes, beside its list; empty: nobody.
alter table rules.segment add column rule text not null default '';

-- What is recorded of a customer for rules to ask: a JSON object of texts. The last who wrote it stands beside it.
create table rules.customer (
  program_id text not null references ledger.program,
  customer_ref text not null,
  attributes text not null,
  actor text not null,
  reason text not null,
  updated_at timestamptz not null,
  primary key (program_id, customer_ref)
);

-- How a program's rules come into force.
create table rules.policy (
  program_id text primary key references ledger.program,
  revision bigint not null,
  second_person boolean not null
);

-- Whose token wrote the draft as it is now, and whose published a version; empty: before this was recorded.
alter table rules.draft add column subject text not null default '';
alter table rules.ruleset
add column maker text not null default '',
add column subject text not null default '',
add column second_person boolean not null default false,
add constraint ruleset_made_by_two check (not second_person or (maker <> '' and maker <> subject));

alter table rules.change
drop constraint change_kind_check,
add constraint change_kind_check check (kind in ('draft', 'ruleset', 'campaign', 'segment', 'policy'));

-- A backtest reads events in order of time, whosever they are. What never changes of an event: updates leave it alone.
create index event_occurred on earning.event (program_id, occurred_at, event_id, wallet_id) where kind <> 8;

grant select on rules.customer, rules.policy to wallet_app;

-- migrate:down
