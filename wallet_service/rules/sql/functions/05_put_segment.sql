-- Promise: writes a segment's title, adds customers to it and takes others out; answers its revision. What is so already
-- stays so; the change notes how many were named, not who.
-- For processes of the version before: 08 is its successor.
-- Locks: the segment and its members that are named, then the program's state.
create or replace function rules.put_segment(
  p_program_id text, p_segment_id text, p_title text, p_add text[], p_remove text[], p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_revision bigint;
begin
  insert into rules.segment as s (program_id, segment_id, revision, title, updated_at)
  values (p_program_id, p_segment_id, 1, p_title, clock_timestamp())
  on conflict (program_id, segment_id) do update
  set revision = s.revision + 1, title = excluded.title, updated_at = excluded.updated_at
  returning s.revision into v_revision;
  insert into rules.segment_member (program_id, customer_ref, segment_id)
  select p_program_id, c.customer_ref, p_segment_id
  from unnest(p_add) as c (customer_ref)
  on conflict do nothing;
  delete from rules.segment_member as m
  where m.program_id = p_program_id and m.segment_id = p_segment_id and m.customer_ref = any(p_remove);
  perform rules.note_change(
    p_program_id, 'segment', p_segment_id, v_revision,
    format('%s; %s added, %s removed', p_title, cardinality(p_add), cardinality(p_remove)), p_actor, p_reason
  );
  return v_revision;
end
$$;
revoke all on function rules.put_segment from public;
grant execute on function rules.put_segment to wallet_app;
