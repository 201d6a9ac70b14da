-- Promise: writes how suspicious a ring is, as judged at a revision of it by the rules of a program that the mark stands
-- for; a judgement of an older revision than the last one changes nothing. The wallet that a ring was first suspected by
-- stays the same.
-- Locks: the ring.
create or replace function fraud.record_suspicion_v2(
  p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid, p_program_id text, p_mark text
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update fraud.ring as r
  set
    suspicion = p_suspicion, reasons = p_reasons, judged_revision = p_revision,
    anchor_id = coalesce(r.anchor_id, p_anchor), program_id = p_program_id, judged_by = p_mark
  where r.ring_id = p_ring and r.judged_revision <= p_revision;
end
$$;
revoke all on function fraud.record_suspicion_v2 from public;
grant execute on function fraud.record_suspicion_v2 to wallet_app;
