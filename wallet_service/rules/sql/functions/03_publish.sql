-- Promise: writes a version that will never change, effective from a moment (null: now); answers its number. The same
-- publication again answers the same number; null: another version was published meanwhile.
-- For processes of the version before: 07 is its successor.
-- Locks: the new row, then the program's state.
create or replace function rules.publish(
  p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_actor text,
  p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest bigint;
begin
  select coalesce(max(r.version), 0) into v_newest from rules.ruleset as r where r.program_id = p_program_id;
  if v_newest = p_expected then
    insert into rules.ruleset (
      program_id, version, document, origin, effective_at, published_at, actor, reason
    ) values (
      p_program_id, p_expected + 1, p_document, p_origin, coalesce(ledger.moment(p_effective), clock_timestamp()),
      clock_timestamp(), p_actor, p_reason
    )
    on conflict (program_id, version) do nothing;
    if found then
      perform rules.note_change(
        p_program_id, 'ruleset', 'ruleset', p_expected + 1, p_document, p_actor, p_reason
      );
      return p_expected + 1;
    end if;
  end if;
  return (
    select r.version from rules.ruleset as r
    where
      r.program_id = p_program_id and r.version = p_expected + 1 and r.document = p_document
      and r.origin = p_origin and (p_effective is null or r.effective_at = ledger.moment(p_effective))
  );
end
$$;
revoke all on function rules.publish from public;
grant execute on function rules.publish to wallet_app;
