-- Promise: writes one act on a case, what the case is after it, and the label that a decision gives, if nobody changed
-- the case since p_expected; false: somebody did, and nothing is written. What is decided is never decided again: only
-- whether it was applied changes, or that its subject had ended before. A ring's label is that of every wallet that was in
-- it when the case was opened, as the evidence names them.
-- Locks: the case, then the labels in ascending order of their wallets.
create or replace function review.record(
  p_case json, p_expected bigint, p_act json, p_label text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_case review.case_file;
begin
  update review.case_file as c
  set
    state = n.state, escalated = n.escalated, priority = n.priority, due_at = ledger.moment(n.due),
    assigned_to = n.assigned_to, assigned_senior = coalesce(n.assigned_senior, false),
    leased_until = ledger.moment(n.leased_until), escalated_by = n.escalated_by,
    approvals = n.approvals, operation_id = n.operation_id, decided_by = n.decided_by,
    decided_at = ledger.moment(n.decided), reason = n.reason,
    approved_ttl_seconds = n.approved_ttl_seconds, applied = n.applied, version = c.version + 1
  from json_to_record(p_case) as n (
    wallet_id uuid, case_id uuid, state smallint, escalated boolean, priority integer, due bigint, assigned_to text,
    assigned_senior boolean,
    leased_until bigint, escalated_by text, approvals jsonb, operation_id uuid, decided_by text, decided bigint,
    reason text, approved_ttl_seconds integer, applied boolean
  )
  where
    c.wallet_id = n.wallet_id and c.case_id = n.case_id and c.version = p_expected
    and (c.state <= 3 or n.state = c.state or (not c.applied and n.applied))
  returning c.* into v_case;
  if not found then
    return false;
  end if;

  insert into review.case_act (wallet_id, case_id, seq, act_id, kind, actor, reason, before, after, at)
  select
    v_case.wallet_id, v_case.case_id, v_case.version, a.act_id, a.kind, a.actor, a.reason, a.before, a.after,
    ledger.moment(a.at)
  from json_to_record(p_act) as a (
    act_id uuid, kind text, actor text, reason text, before json, after json, at bigint
  );

  if p_label <> '' then
    insert into review.label as l (wallet_id, subject_kind, subject_id, program_id, label, actor, at)
    select
      m.wallet_id, v_case.subject_kind, v_case.subject_id, coalesce(w.program_id, v_case.program_id), p_label,
      v_case.decided_by, v_case.decided_at
    from (
      select v_case.wallet_id as wallet_id
      union
      select x.member::uuid
      from json_array_elements_text(
        case
          when v_case.subject_kind = 'ring' and json_typeof(v_case.evidence -> 'signals' -> 'ring.members') = 'array'
            then v_case.evidence -> 'signals' -> 'ring.members'
          else '[]'
        end
      ) as x (member)
    ) as m
    left join ledger.wallet as w on w.wallet_id = m.wallet_id
    order by m.wallet_id
    on conflict (wallet_id, subject_kind, subject_id) do update
    set label = excluded.label, actor = excluded.actor, at = excluded.at;
  end if;
  return true;
end
$$;
revoke all on function review.record from public;
grant execute on function review.record to wallet_app;
