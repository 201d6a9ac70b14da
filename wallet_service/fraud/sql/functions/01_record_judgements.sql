-- Promise: remembers judgements, the first of each subject for ever; answers how many were new.
-- Locks: the new rows, in ascending order, so that two callers that bring the same ones cannot deadlock.
create or replace function fraud.record_judgements(p_judgements json) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_rows bigint;
begin
  insert into fraud.judgement (
    wallet_id, subject_kind, subject_id, program_id, verdict, shadow_verdict, reasons, signals, policy_version,
    amount_minor, judged_at
  )
  select
    n.wallet_id, n.subject_kind, n.subject_id, n.program_id, n.verdict, n.shadow_verdict, n.reasons, n.signals,
    n.policy_version, n.amount_minor, clock_timestamp()
  from json_to_recordset(p_judgements) as n (
    wallet_id uuid, subject_kind text, subject_id uuid, program_id text, verdict text, shadow_verdict text,
    reasons jsonb, signals jsonb, policy_version bigint, amount_minor bigint
  )
  order by n.wallet_id, n.subject_kind, n.subject_id
  on conflict (wallet_id, subject_kind, subject_id) do nothing;
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;
revoke all on function fraud.record_judgements from public;
grant execute on function fraud.record_judgements to wallet_app;
