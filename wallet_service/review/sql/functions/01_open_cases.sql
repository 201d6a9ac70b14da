-- Promise: opens cases, each subject's once for ever, with the first act on each; answers how many are new.
-- Locks: the new rows, in ascending order, so that two workers that open the same ones cannot deadlock.
create or replace function review.open_cases(p_cases json) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_rows bigint;
begin
  with opened as (
    insert into review.case_file (
      wallet_id, case_id, program_id, customer_ref, subject_kind, subject_id, state, priority, amount_minor, reasons,
      evidence, opened_by, opened_at, due_at, decided_by, decided_at, reason, version
    )
    select
      n.wallet_id, n.case_id, n.program_id, n.customer_ref, n.subject_kind, n.subject_id, n.state, n.priority,
      n.amount, n.reasons, n.evidence, n.opened_by, ledger.moment(n.opened), ledger.moment(n.due), n.decided_by,
      ledger.moment(n.decided), n.reason, 1
    from json_to_recordset(p_cases) as n (
      wallet_id uuid, case_id uuid, program_id text, customer_ref text, subject_kind text, subject_id uuid,
      state smallint, priority integer, amount bigint, reasons jsonb, evidence json, opened_by text, opened bigint,
      due bigint, decided_by text, decided bigint, reason text
    )
    order by n.wallet_id, n.case_id
    on conflict (wallet_id, case_id) do nothing
    returning wallet_id, case_id, opened_by, opened_at, reason, state
  )
  insert into review.case_act (wallet_id, case_id, seq, act_id, kind, actor, reason, before, after, at)
  select
    o.wallet_id, o.case_id, 1, o.case_id, 'OPENED', o.opened_by, o.reason, '{}', json_build_object('state', o.state),
    o.opened_at
  from opened as o;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
revoke all on function review.open_cases from public;
grant execute on function review.open_cases to wallet_app;
