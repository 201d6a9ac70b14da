-- migrate:up

-- What returns and events that were never credited gave back of a budget, in all: `taken` is the sum of what is granted
-- to its slices, less this.
alter table earning.budget add column refilled bigint not null default 0 check (refilled >= 0);

-- migrate:down
