-- migrate:up

create schema review;
grant usage on schema review to wallet_app;

-- What a person must decide, once for each subject: its id follows from the subject's. Moments are those of the
-- program's clock, but for the lease, which is a person's. `version` is the number of the last act on it and the
-- optimistic lock; `applied` says that the ledger or the event knows of the decision.
create table review.case_file (
  wallet_id uuid not null,
  case_id uuid not null,
  program_id text not null,
  customer_ref text not null,
  subject_kind text not null check (subject_kind in ('reservation', 'event', 'ring')),
  subject_id uuid not null,
  state smallint not null check (state between 1 and 7),
  escalated boolean not null default false,
  priority integer not null check (priority >= 0),
  amount_minor bigint not null check (amount_minor >= 0),
  reasons jsonb not null,
  evidence json not null,
  opened_by text not null,
  opened_at timestamptz not null,
  due_at timestamptz not null,
  assigned_to text not null default '',
  leased_until timestamptz not null default '1970-01-01T00:00:00Z',
  escalated_by text not null default '',
  approvals jsonb not null default '[]',
  operation_id uuid,
  decided_by text not null default '',
  decided_at timestamptz,
  reason text not null default '',
  approved_ttl_seconds integer not null default 0,
  applied boolean not null default true,
  version bigint not null,
  primary key (wallet_id, case_id),
  check (state <= 3 or decided_at is not null),
  check (state in (4, 5, 6) or applied),
  check (applied or operation_id is not null)
) with (fillfactor = 80);

create index case_file_subject on review.case_file (wallet_id, subject_kind, subject_id);
create index case_file_id on review.case_file (case_id);
create index case_file_open on review.case_file (priority desc, opened_at, case_id) where state <= 3;
create index case_file_priority on review.case_file (priority desc, opened_at, case_id);
create index case_file_due on review.case_file (program_id, due_at) where state <= 3;
create index case_file_unapplied on review.case_file (case_id) where not applied;
create index case_file_opened on review.case_file (program_id, opened_at);

-- What was done about a case, by whom and why, and what that changed: the audit trail, never changed.
create table review.case_act (
  wallet_id uuid not null,
  case_id uuid not null,
  seq bigint not null check (seq > 0),
  act_id uuid not null,
  kind text not null,
  actor text not null check (actor <> ''),
  reason text not null,
  before json not null,
  after json not null,
  at timestamptz not null,
  primary key (wallet_id, case_id, seq)
);

create index case_act_id on review.case_act (wallet_id, case_id, act_id);

-- What people found out: what the anomaly model learns from.
create table review.label (
  wallet_id uuid not null,
  subject_kind text not null,
  subject_id uuid not null,
  program_id text not null,
  label text not null check (label in ('fraud', 'honest')),
  actor text not null,
  at timestamptz not null,
  primary key (wallet_id, subject_kind, subject_id)
);

create index label_at on review.label (at);

-- Who may decide what, and how long it may take: every version of each program's policy.
create table review.policy (
  program_id text not null,
  version bigint not null,
  document json not null,
  actor text not null,
  reason text not null,
  at timestamptz not null,
  primary key (program_id, version)
);

grant select on all tables in schema review to wallet_app;

-- Events that wait for a person are few; cases are opened for them.
create index event_in_review on earning.event (wallet_id) where state = 2;

-- migrate:down
