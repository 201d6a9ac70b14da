-- Promise: counts a try of the event that is the first due in a wallet by a moment, puts it off by 2, 4, 8... seconds,
-- and gives it up (DEAD) at its last try; returns that waited for its order then go on. Gives the wallet back to the
-- queue. Does nothing if p_lease is over. For events that nobody can even read: it needs to understand none of them.
-- Why the conditions on the result: what cannot be made sense of is left as it is.
-- Locks: those of record.
create or replace function earning.put_off(p_lease uuid, p_wallet_id uuid, p_now bigint, p_tries_max integer)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_events json;
begin
  select json_agg(n) into v_events
  from (
    select
      e.wallet_id, e.event_id, e.tries + 1 as tries, e.amount, e.clawed_back, e.debt,
      case when e.tries + 1 < p_tries_max then e.state else 9 end as state,
      case
        when e.tries + 1 < p_tries_max then p_now + 1000000 * (2 ^ (e.tries + 1))::bigint
        else ledger.microseconds('9999-12-31T23:59:59Z')
      end as due,
      case
        when
          strpos(e.result::text, '\u') = 0 and json_typeof(e.result) = 'object'
          and coalesce(json_typeof(e.result -> 'reasons'), 'array') = 'array'
          then
            jsonb_set(
              e.result::jsonb, '{reasons}', coalesce((e.result -> 'reasons')::jsonb, '[]') || '["INTERNAL"]'
            )
      end as result,
      case when e.kind = 1 and e.tries + 1 >= p_tries_max then e.order_ref else '' end as wakes
    from earning.event as e
    where
      e.wallet_id = p_wallet_id and e.due_at <= ledger.moment(p_now) and e.due_at < '9999-01-01T00:00:00Z'
    order by e.due_at, e.received_at, e.event_id
    limit 1
  ) as n;
  perform earning.record(
    p_lease, array[p_wallet_id], coalesce(v_events, '[]'), '[]', '[]', array[p_wallet_id]
  );
end
$$;
revoke all on function earning.put_off from public;
grant execute on function earning.put_off to wallet_app;
