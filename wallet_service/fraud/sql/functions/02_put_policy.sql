-- Promise: writes the next version of a program's fraud policy and answers its number; the number of the version before
-- if it says the same; null if the version before it is not p_before (null: whatever is there) or there is no program.
-- Locks: the new row.
create or replace function fraud.put_policy(
  p_program_id text, p_before bigint, p_document text, p_origin text, p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest fraud.policy;
  v_before bigint;
begin
  if not exists (select from ledger.program as p where p.program_id = p_program_id) then
    return null;
  end if;
  select * into v_newest from fraud.policy as x where x.program_id = p_program_id order by x.version desc limit 1;
  v_before := coalesce(v_newest.version, 0);
  if p_before <> v_before then
    return null;
  end if;
  if v_newest.document = p_document then
    return v_before;
  end if;
  insert into fraud.policy (program_id, version, document, origin, actor, reason, at)
  values (p_program_id, v_before + 1, p_document, p_origin, p_actor, p_reason, clock_timestamp())
  on conflict (program_id, version) do nothing;
  return case when found then v_before + 1 end;
end
$$;
revoke all on function fraud.put_policy from public;
grant execute on function fraud.put_policy to wallet_app;
