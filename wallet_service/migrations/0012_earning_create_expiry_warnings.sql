-- migrate:up

-- That available value is about to expire, once for each expiry and time ahead of it: the id follows from these.
create table earning.expiry_warning (
  wallet_id uuid not null,
  warning_id uuid not null,
  program_id text not null,
  expires_at timestamptz not null,
  before_seconds bigint not null check (before_seconds > 0),
  amount bigint not null check (amount > 0),
  inactivity boolean not null,
  warned_at timestamptz not null,
  primary key (wallet_id, warning_id)
);

create index expiry_warning_written on earning.expiry_warning (program_id, warned_at, warning_id);

-- How far the look ahead at all wallets is: one row. Whoever holds the lease looks at the next ones.
create table earning.lookout (
  one boolean primary key default true check (one),
  after_wallet uuid not null,
  began_at timestamptz not null,
  ended_at timestamptz,
  leased_until timestamptz not null,
  lease uuid
);

insert into earning.lookout (after_wallet, began_at, ended_at, leased_until)
values (
  '00000000-0000-0000-0000-000000000000', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'
);

grant select on earning.expiry_warning, earning.lookout to wallet_app;

-- migrate:down
