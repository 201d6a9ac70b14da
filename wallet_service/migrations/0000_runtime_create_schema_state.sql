-- migrate:up
-- One row: which migration and function files this database holds, so that a start with nothing new costs one query.
create table public.schema_state (
    only_row boolean primary key default true check (only_row),
    fingerprint text not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- migrate:down
