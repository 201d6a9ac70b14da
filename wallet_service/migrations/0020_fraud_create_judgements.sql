-- migrate:up

create schema if not exists fraud;
grant usage on schema fraud to wallet_app;

-- What was judged of a reservation, an event or a ring of wallets, once for ever, with what was known at that moment.
-- `verdict` is what was acted on; `shadow_verdict` what limits that only count would have made of it. A ring is filed
-- under one of its wallets.
create table fraud.judgement (
  wallet_id uuid not null,
  subject_kind text not null check (subject_kind in ('reservation', 'event', 'ring')),
  subject_id uuid not null,
  program_id text not null,
  verdict text not null check (verdict in ('ALLOW', 'REVIEW', 'REFUSE')),
  shadow_verdict text not null check (shadow_verdict in ('ALLOW', 'REVIEW', 'REFUSE')),
  reasons jsonb not null,
  signals jsonb not null,
  policy_version bigint not null,
  amount_minor bigint not null check (amount_minor >= 0),
  judged_at timestamptz not null,
  primary key (wallet_id, subject_kind, subject_id)
);

create index judgement_judged on fraud.judgement (program_id, judged_at);
create index judgement_review on fraud.judgement (judged_at) where verdict = 'REVIEW';

grant select on all tables in schema fraud to wallet_app;

-- migrate:down
