-- Promise: writes a segment's title and rule (null: as they are; an empty rule: none), adds customers to its list and
-- takes others out; answers its revision, which stays if nothing is different. The change notes how many were added
-- and removed, not who. Whoever is named twice is taken out.
-- Locks: the segment and its members that are named, then the program's state.
create or replace function rules.put_segment_v2(
  p_program_id text, p_segment_id text, p_title text, p_rule text, p_add text[], p_remove text[], p_actor text,
  p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_new boolean;
  v_changed boolean;
  v_added bigint;
  v_removed bigint;
  v_segment rules.segment;
begin
  insert into rules.segment (program_id, segment_id, revision, title, rule, updated_at)
  values (p_program_id, p_segment_id, 1, coalesce(p_title, ''), coalesce(p_rule, ''), clock_timestamp())
  on conflict (program_id, segment_id) do nothing;
  v_new := found;
  select * into v_segment from rules.segment as s
  where s.program_id = p_program_id and s.segment_id = p_segment_id
  for update;
  v_changed := (p_title is not null and p_title <> v_segment.title)
    or (p_rule is not null and p_rule <> v_segment.rule);
  insert into rules.segment_member (program_id, customer_ref, segment_id)
  select p_program_id, c.customer_ref, p_segment_id
  from unnest(p_add) as c (customer_ref)
  where c.customer_ref <> all (p_remove)
  order by c.customer_ref
  on conflict do nothing;
  get diagnostics v_added = row_count;
  delete from rules.segment_member as m
  where m.program_id = p_program_id and m.segment_id = p_segment_id and m.customer_ref = any(p_remove);
  get diagnostics v_removed = row_count;
  if not v_new and not v_changed and v_added = 0 and v_removed = 0 then
    return v_segment.revision;
  end if;
  if not v_new then
    update rules.segment as s
    set
      revision = s.revision + 1, title = coalesce(p_title, s.title), rule = coalesce(p_rule, s.rule),
      updated_at = clock_timestamp()
    where s.program_id = p_program_id and s.segment_id = p_segment_id
    returning s.* into v_segment;
  end if;
  perform rules.note_change(
    p_program_id, 'segment', p_segment_id, v_segment.revision,
    format('%s %s; %s added, %s removed', v_segment.title, v_segment.rule, v_added, v_removed), p_actor, p_reason
  );
  return v_segment.revision;
end
$$;
revoke all on function rules.put_segment_v2 from public;
grant execute on function rules.put_segment_v2 to wallet_app;
