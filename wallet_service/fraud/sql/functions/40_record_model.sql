-- Promise: keeps a version of the model under the next number and answers it; forgets versions learnt from the stream
-- that never scored, but for the last p_keep.
-- Locks: fraud.model against other writers, so that numbers have no gap.
create or replace function fraud.record_model(
  p_parent bigint, p_origin text, p_document bytea, p_metrics jsonb, p_actor text, p_reason text, p_keep integer
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version bigint;
begin
  lock table fraud.model in share row exclusive mode;
  insert into fraud.model (version, parent, origin, document, metrics, trained_at, actor, reason)
  select
    coalesce(max(m.version), 0) + 1, p_parent, p_origin, p_document, p_metrics, clock_timestamp(), p_actor, p_reason
  from fraud.model as m
  returning version into v_version;

  delete from fraud.model as m
  where
    m.origin = 'stream' and m.version <= v_version - p_keep
    and not exists (select from fraud.model_publication as p where p.version = m.version);
  return v_version;
end
$$;
revoke all on function fraud.record_model from public;
grant execute on function fraud.record_model to wallet_app;
