-- Promise: writes a draft if it still has the expected revision (0: does not exist; null: whatever is there); answers
-- its new revision, or null if somebody was faster. The same document again changes nothing.
-- Locks: the draft, then the program's state.
create or replace function rules.put_draft(
  p_program_id text, p_name text, p_expected bigint, p_document text, p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_draft rules.draft;
  v_revision bigint;
begin
  select * into v_draft from rules.draft as d
  where d.program_id = p_program_id and d.name = p_name
  for update;
  if v_draft.document = p_document then
    return v_draft.revision;
  end if;
  if p_expected <> coalesce(v_draft.revision, 0) then
    return null;
  end if;
  insert into rules.draft as d (program_id, name, revision, document, updated_at)
  values (p_program_id, p_name, 1, p_document, clock_timestamp())
  on conflict (program_id, name) do update
  set revision = d.revision + 1, document = excluded.document, updated_at = excluded.updated_at
  returning d.revision into v_revision;
  perform rules.note_change(p_program_id, 'draft', p_name, v_revision, p_document, p_actor, p_reason);
  return v_revision;
end
$$;
revoke all on function rules.put_draft from public;
grant execute on function rules.put_draft to wallet_app;
