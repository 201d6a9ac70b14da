-- Promise: as rules.put_draft, and keeps whose token wrote the document as it is. The same document again keeps its
-- writer, unless none was recorded.
-- Locks: the draft, then the program's state.
create or replace function rules.put_draft_v2(
  p_program_id text, p_name text, p_expected bigint, p_document text, p_subject text, p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_before rules.draft;
  v_revision bigint;
begin
  select * into v_before from rules.draft as d
  where d.program_id = p_program_id and d.name = p_name
  for update;
  v_revision := rules.put_draft(p_program_id, p_name, p_expected, p_document, p_actor, p_reason);
  if v_before.document is distinct from p_document or v_before.subject = '' then
    update rules.draft as d set subject = p_subject
    where d.program_id = p_program_id and d.name = p_name and d.document = p_document;
  end if;
  return v_revision;
end
$$;
revoke all on function rules.put_draft_v2 from public;
grant execute on function rules.put_draft_v2 to wallet_app;
