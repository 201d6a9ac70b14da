-- Promise: says whether a program's rules are published by a second person; answers the policy's revision, which stays
-- if nothing is different.
-- Locks: the policy, then the program's state.
create or replace function rules.put_policy(
  p_program_id text, p_second_person boolean, p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_revision bigint;
begin
  insert into rules.policy as p (program_id, revision, second_person)
  values (p_program_id, 1, p_second_person)
  on conflict (program_id) do update
  set revision = p.revision + 1, second_person = excluded.second_person
  where p.second_person <> excluded.second_person
  returning p.revision into v_revision;
  if v_revision is null then
    return (select p.revision from rules.policy as p where p.program_id = p_program_id);
  end if;
  perform rules.note_change(
    p_program_id, 'policy', 'policy', v_revision, format('second person: %s', p_second_person), p_actor, p_reason
  );
  return v_revision;
end
$$;
revoke all on function rules.put_policy from public;
grant execute on function rules.put_policy to wallet_app;
