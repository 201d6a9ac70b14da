-- migrate:up

-- Whether whoever has a case is a senior: one who is not may have it taken over by one who is.
alter table review.case_file add column assigned_senior boolean not null default false;

-- migrate:down
