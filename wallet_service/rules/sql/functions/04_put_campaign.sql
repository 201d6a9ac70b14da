-- Promise: writes a campaign and answers its revision; the same content again changes nothing.
-- Locks: the campaign, then the program's state.
create or replace function rules.put_campaign(
  p_program_id text, p_campaign_id text, p_document text, p_budget bigint, p_funding_account text, p_actor text,
  p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_revision bigint;
begin
  insert into rules.campaign as c (
    program_id, campaign_id, revision, document, budget, funding_account, updated_at
  ) values (p_program_id, p_campaign_id, 1, p_document, p_budget, p_funding_account, clock_timestamp())
  on conflict (program_id, campaign_id) do update
  set
    revision = c.revision + 1, document = excluded.document, budget = excluded.budget,
    funding_account = excluded.funding_account, updated_at = excluded.updated_at
  where c.document <> excluded.document
  returning c.revision into v_revision;
  if v_revision is null then
    return (
      select c.revision from rules.campaign as c
      where c.program_id = p_program_id and c.campaign_id = p_campaign_id
    );
  end if;
  perform rules.note_change(p_program_id, 'campaign', p_campaign_id, v_revision, p_document, p_actor, p_reason);
  return v_revision;
end
$$;
revoke all on function rules.put_campaign from public;
grant execute on function rules.put_campaign to wallet_app;
