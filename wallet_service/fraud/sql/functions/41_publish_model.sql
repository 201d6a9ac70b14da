-- Promise: lets a version score from now on, and keeps who did it and why; answers the number of this publication, or
-- null if there is no such version or if another than p_scoring (0: none) scores by now.
-- Locks: fraud.model_publication against other writers.
create or replace function fraud.publish_model(p_version bigint, p_scoring bigint, p_actor text, p_reason text)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last fraud.model_publication;
  v_revision bigint;
begin
  lock table fraud.model_publication in share row exclusive mode;
  select * into v_last from fraud.model_publication as p order by p.revision desc limit 1;
  if p_scoring is not null and coalesce(v_last.version, 0) <> p_scoring then
    return null;
  end if;
  insert into fraud.model_publication (revision, version, at, actor, reason)
  select coalesce(v_last.revision, 0) + 1, m.version, clock_timestamp(), p_actor, p_reason
  from fraud.model as m
  where m.version = p_version
  returning revision into v_revision;
  return v_revision;
end
$$;
revoke all on function fraud.publish_model from public;
grant execute on function fraud.publish_model to wallet_app;
