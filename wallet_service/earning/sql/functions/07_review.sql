-- Promise: carries out what a person decided about an event that is in review: approved, it is held again, marked so
-- that it is not judged once more, and due at once; rejected, it ends, and its returns need not wait for it any more.
-- Answers whether it was in review: a repetition does nothing.
-- Locks: the wallet's row in the queue first, as a worker that writes about this wallet does; then the event.
create or replace function earning.review(p_wallet_id uuid, p_event_id uuid, p_approve boolean) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_order_ref text;
begin
  insert into earning.queue as q (wallet_id, program_id, due_at)
  select e.wallet_id, e.program_id, '1970-01-01T00:00:00Z'
  from earning.event as e
  where e.wallet_id = p_wallet_id and e.event_id = p_event_id and e.state = 2
  on conflict (wallet_id) do update set due_at = excluded.due_at;

  update earning.event as e
  set
    state = case when p_approve then 1 else 3 end,
    due_at = case when p_approve then timestamptz '1970-01-01T00:00:00Z' else '9999-12-31T23:59:59Z' end,
    result = jsonb_set(
      e.result::jsonb, '{reasons}',
      coalesce((e.result -> 'reasons')::jsonb, '[]')
      || case when p_approve then '["APPROVED"]'::jsonb else '["REVIEW_REJECTED"]'::jsonb end
    )::json
  where e.wallet_id = p_wallet_id and e.event_id = p_event_id and e.state = 2
  returning e.order_ref into v_order_ref;
  if not found then
    return false;
  end if;

  if not p_approve and v_order_ref <> '' then
    update earning.event as e
    set due_at = '1970-01-01T00:00:00Z'
    where
      e.wallet_id = p_wallet_id and e.order_ref = v_order_ref and e.kind = 8 and e.state = 1
      and e.result -> 'reasons' ->> 0 = 'WAITS_FOR_PURCHASE';
  end if;
  return true;
end
$$;
revoke all on function earning.review from public;
grant execute on function earning.review to wallet_app;
