-- Promise: takes events in, each once. Answers one row per event: `verdict` 0 taken in now, 1 known with the same
-- content, 2 known with other content, 3 no such wallet, 4 from the future, 5 too old. What is answered 0 is durable
-- and will be worked on; 2 to 5 change nothing.
-- Why the laterals: a table that has grown since it was last analyzed looks small, and would be joined by reading one of
-- its indexes from end to end. A limit keeps each look-up a look-up.
-- Locks: the new events, then the queue's rows of their wallets, each in ascending order.
create or replace function earning.accept(p_events json) returns table (ordinal integer, verdict integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_judged jsonb;
  v_new uuid[];
begin
  -- The moment is the program's, as everywhere.
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') into v_judged
  from (
    select
      n.ordinal, n.wallet_id, n.event_id, w.program_id, n.digest,
      ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now,
      case
        when w.wallet_id is null then 3
        when n.occurred > ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) + n.future then 4
        when n.occurred < ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) - n.past then 5
        else 0
      end as verdict
    from json_to_recordset(p_events) as n (
      ordinal integer, wallet_id uuid, event_id uuid, digest text, occurred bigint, future bigint, past bigint
    )
    left join lateral (
      select x.wallet_id, x.program_id from ledger.wallet as x where x.wallet_id = n.wallet_id limit 1
    ) as w on true
    left join ledger.program as p on p.program_id = w.program_id
  ) as j;

  with n as materialized (
    select distinct on (n.wallet_id, n.event_id) n.*, j.program_id, j.now
    from json_to_recordset(p_events) as n (
      ordinal integer, wallet_id uuid, event_id uuid, kind smallint, source text, source_event_id text,
      order_ref text, value bigint, occurred bigint, hold bigint, digest text, content json
    )
    join jsonb_to_recordset(v_judged) as j (ordinal integer, program_id text, now bigint, verdict integer)
      on j.ordinal = n.ordinal and j.verdict = 0
    order by n.wallet_id, n.event_id, n.ordinal
  ),
  taken as (
    insert into earning.event (
      wallet_id, event_id, program_id, kind, source, source_event_id, order_ref, value_minor, occurred_at,
      received_at, due_at, digest, content, result
    )
    select
      n.wallet_id, n.event_id, n.program_id, n.kind, n.source, n.source_event_id, n.order_ref, n.value,
      ledger.moment(n.occurred),
      -- A microsecond per place keeps the order in which events came.
      ledger.moment(n.now + n.ordinal), ledger.moment(n.now + n.hold), decode(n.digest, 'hex'),
      n.content, '{}'
    from n
    order by n.wallet_id, n.event_id
    on conflict (wallet_id, event_id) do nothing
    returning event_id
  )
  select coalesce(array_agg(taken.event_id), '{}') into v_new from taken;

  insert into earning.queue as q (wallet_id, program_id, due_at)
  select j.wallet_id, min(j.program_id), min(e.due_at)
  from jsonb_to_recordset(v_judged) as j (wallet_id uuid, event_id uuid, program_id text, verdict integer)
  cross join lateral (
    select x.due_at from earning.event as x where x.wallet_id = j.wallet_id and x.event_id = j.event_id limit 1
  ) as e
  where j.verdict = 0 and j.event_id = any (v_new)
  group by j.wallet_id
  order by j.wallet_id
  on conflict (wallet_id) do update set due_at = least(q.due_at, excluded.due_at);

  return query
  select
    j.ordinal,
    case
      when j.verdict = 3 then 3
      when e.event_id is null then j.verdict
      when e.digest <> decode(j.digest, 'hex') then 2
      -- Twice in one call: the first of them took it in.
      when j.event_id = any (v_new) and row_number() over (partition by j.wallet_id, j.event_id order by j.ordinal) = 1
        then 0
      else 1
    end
  from jsonb_to_recordset(v_judged) as j (
    ordinal integer, wallet_id uuid, event_id uuid, digest text, verdict integer
  )
  left join lateral (
    select x.event_id, x.digest
    from earning.event as x
    where x.wallet_id = j.wallet_id and x.event_id = j.event_id
    limit 1
  ) as e on true;
end
$$;
revoke all on function earning.accept from public;
grant execute on function earning.accept to wallet_app;
