-- Promise: has an event that was given up on tried again, from the beginning, and remembers who wanted it and why.
-- Answers 0: it is held again and due at once; 1: it had been, under this id; 2: the id was used for something else;
-- 3: there is no such event; 4: it is not given up on; 5: value would be left behind, because its credit exists, because
-- something of its order came back or is about to, or because it is a return whose effect is written down already;
-- 6: a worker is busy with this wallet and may be about to write the event as it was: ask again shortly. Of 2 to 6
-- nothing is changed. A reviewer's approval is kept.
-- Locks: the wallet's row in the queue first, as a worker that writes about this wallet does; then the event. A lease
-- that has run out is ended: whoever had it can write nothing any more.
create or replace function earning.retry(
  p_wallet_id uuid, p_retry_id uuid, p_event_id uuid, p_actor text, p_reason text
) returns smallint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_leased boolean;
  v_event earning.event%rowtype;
  v_first earning.retry%rowtype;
begin
  insert into earning.queue as q (wallet_id, program_id, due_at)
  select e.wallet_id, e.program_id, '1970-01-01T00:00:00Z'
  from earning.event as e
  where e.wallet_id = p_wallet_id and e.event_id = p_event_id and e.state = 9
  on conflict (wallet_id) do nothing;
  select q.leased_until > clock_timestamp() into v_leased
  from earning.queue as q
  where q.wallet_id = p_wallet_id
  for no key update;

  select e.* into v_event from earning.event as e where e.wallet_id = p_wallet_id and e.event_id = p_event_id;
  if not found then
    return 3;
  end if;
  select r.* into v_first from earning.retry as r where r.wallet_id = p_wallet_id and r.retry_id = p_retry_id;
  if found then
    return case
      when (v_first.event_id, v_first.actor, v_first.reason) = (p_event_id, p_actor, p_reason) then 1 else 2
    end;
  end if;
  if v_event.state <> 9 then
    return 4;
  end if;
  if
    v_event.amount > 0
    or exists (select from ledger.credit as c where c.wallet_id = p_wallet_id and c.credit_id = p_event_id)
    or coalesce(v_event.result -> 'back' ->> 'quantities', '[]') <> '[]'
    or coalesce(v_event.result ->> 'open_returns', '[]') <> '[]'
    or (v_event.kind = 8 and coalesce(v_event.result ->> 'acts', '[]') <> '[]')
  then
    return 5;
  end if;
  -- Without a row it was given up on a moment ago, after we had looked for it.
  if coalesce(v_leased, true) then
    return 6;
  end if;

  update earning.event as e
  set
    state = 1, tries = 0, due_at = '1970-01-01T00:00:00Z',
    result = (
      e.result::jsonb - 'acts' - 'reasons'
      || case
        when (e.result -> 'reasons')::jsonb ? 'APPROVED' then '{"reasons": ["APPROVED"]}'::jsonb else '{}'::jsonb
      end
    )::json
  where e.wallet_id = p_wallet_id and e.event_id = p_event_id;
  update earning.queue as q
  set lease = null, leased_until = '1970-01-01T00:00:00Z', due_at = '1970-01-01T00:00:00Z'
  where q.wallet_id = p_wallet_id;
  insert into earning.retry (wallet_id, retry_id, event_id, actor, reason, at)
  values (p_wallet_id, p_retry_id, p_event_id, p_actor, p_reason, clock_timestamp());
  return 0;
end
$$;
revoke all on function earning.retry from public;
grant execute on function earning.retry to wallet_app;
