-- Promise: writes the next version of a program's policy of review and answers its number; null if there is no such
-- program or the version before it is not p_before.
-- Locks: the new row.
create or replace function review.put_policy(
  p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from ledger.program as p where p.program_id = p_program_id) then
    return null;
  end if;
  if p_before <> (select coalesce(max(x.version), 0) from review.policy as x where x.program_id = p_program_id) then
    return null;
  end if;
  insert into review.policy (program_id, version, document, actor, reason, at)
  values (p_program_id, p_before + 1, p_document::json, p_actor, p_reason, clock_timestamp())
  on conflict (program_id, version) do nothing;
  return case when found then p_before + 1 end;
end
$$;
revoke all on function review.put_policy from public;
grant execute on function review.put_policy to wallet_app;
