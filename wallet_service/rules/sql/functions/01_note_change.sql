-- Promise: counts a change of a program's rules and remembers who made it, and why. Called by the functions below, never
-- by the service: it is granted to nobody.
-- Locks: the program's state.
create or replace function rules.note_change(
  p_program_id text, p_kind text, p_name text, p_revision bigint, p_document text, p_actor text, p_reason text
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into rules.state as s (program_id, revision) values (p_program_id, 1)
  on conflict (program_id) do update set revision = s.revision + 1;
  insert into rules.change (program_id, kind, name, revision, document, actor, reason, at)
  values (p_program_id, p_kind, p_name, p_revision, p_document, p_actor, p_reason, clock_timestamp());
end
$$;
revoke all on function rules.note_change from public;
