-- migrate:up

-- An event is written twice on its way: when it is decided, and when it is credited. The first of these changes nothing
-- that an index knows, and so stays in the event's page and touches no index, if only the page has room: what is decided
-- is as long as what came in. The state was known to an index for the few events that are in review; a column of its
-- own, which hardly ever changes, tells those.
alter table earning.event add column in_review boolean not null generated always as (state = 2) stored;
drop index earning.event_in_review;
create index event_in_review on earning.event (wallet_id) where in_review;
alter table earning.event set (fillfactor = 50);

-- migrate:down

drop index earning.event_in_review;
create index event_in_review on earning.event (wallet_id) where state = 2;
alter table earning.event drop column in_review;
alter table earning.event set (fillfactor = 80);
