-- Promise: takes events in, each once in its program, whatever wallet it names. Answers one row per event: `verdict` 0
-- taken in now, 1 known with the same content, 2 known with other content or in another wallet, 3 no such wallet, 4 from
-- the future, 5 too old. What is answered 0 is durable and will be worked on; 2 to 5 change nothing. The first purchase
-- of an order binds the order to its wallet.
-- Why the laterals: a table that has grown since it was last analyzed looks small, and would be joined by reading one of
-- its indexes from end to end. A limit keeps each look-up a look-up.
-- Locks: the keys of new events, the events, the keys of their orders, then the queue's rows of their wallets, each in
-- ascending order. Whoever brings the same key at the same moment waits here for the other to end.
create or replace function earning.accept(p_events json) returns table (ordinal integer, verdict integer)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- A thousand events are taken for one or two, and would be compared each with each. Look-ups are laterals all the same.
set enable_nestloop = off
as $$
#variable_conflict use_column
declare
  v_judged jsonb;
  -- By their places in the call: one id may be that of events of several programs.
  v_new integer[];
begin
  -- The moment is the program's, as everywhere.
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') into v_judged
  from (
    select
      n.ordinal, n.wallet_id, n.event_id, w.program_id, n.digest,
      case when n.kind = 1 then n.order_ref else '' end as order_ref,
      ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now,
      case
        when w.wallet_id is null then 3
        when n.occurred > ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) + n.future then 4
        when n.occurred < ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) - n.past then 5
        else 0
      end as verdict
    from json_to_recordset(p_events) as n (
      ordinal integer, wallet_id uuid, event_id uuid, kind smallint, order_ref text, digest text, occurred bigint,
      future bigint, past bigint
    )
    left join lateral (
      select x.wallet_id, x.program_id from ledger.wallet as x where x.wallet_id = n.wallet_id limit 1
    ) as w on true
    left join ledger.program as p on p.program_id = w.program_id
  ) as j;

  with n as materialized (
    select distinct on (j.program_id, n.event_id) n.*, j.program_id, j.now
    from json_to_recordset(p_events) as n (
      ordinal integer, wallet_id uuid, event_id uuid, kind smallint, source text, source_event_id text,
      order_ref text, value bigint, occurred bigint, hold bigint, digest text, content json
    )
    join jsonb_to_recordset(v_judged) as j (ordinal integer, program_id text, now bigint, verdict integer)
      on j.ordinal = n.ordinal and j.verdict = 0
    order by j.program_id, n.event_id, n.ordinal
  ),
  keyed as (
    insert into earning.event_key (program_id, event_id, wallet_id)
    select n.program_id, n.event_id, n.wallet_id from n order by n.program_id, n.event_id
    on conflict (program_id, event_id) do nothing
    returning program_id, event_id
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
    join keyed as k on k.program_id = n.program_id and k.event_id = n.event_id
    order by n.wallet_id, n.event_id
    on conflict (wallet_id, event_id) do nothing
    returning wallet_id, event_id
  )
  select coalesce(array_agg(n.ordinal), '{}') into v_new
  from taken as t
  join n on n.wallet_id = t.wallet_id and n.event_id = t.event_id;

  insert into earning.order_key (program_id, order_ref, wallet_id)
  select distinct on (j.program_id, j.order_ref) j.program_id, j.order_ref, j.wallet_id
  from jsonb_to_recordset(v_judged) as j (ordinal integer, program_id text, order_ref text, wallet_id uuid)
  where j.ordinal = any (v_new) and j.order_ref <> ''
  order by j.program_id, j.order_ref, j.ordinal
  on conflict (program_id, order_ref) do nothing;

  insert into earning.queue as q (wallet_id, program_id, due_at)
  select j.wallet_id, min(j.program_id), min(e.due_at)
  from jsonb_to_recordset(v_judged) as j (ordinal integer, wallet_id uuid, event_id uuid, program_id text)
  cross join lateral (
    select x.due_at from earning.event as x where x.wallet_id = j.wallet_id and x.event_id = j.event_id limit 1
  ) as e
  where j.ordinal = any (v_new)
  group by j.wallet_id
  order by j.wallet_id
  on conflict (wallet_id) do update set due_at = least(q.due_at, excluded.due_at);

  return query
  select
    j.ordinal,
    case
      when j.verdict = 3 then 3
      -- It is sound, and yet was not taken in: another wallet has it.
      when e.event_id is null and j.verdict = 0 then 2
      when e.event_id is null then j.verdict
      when e.digest <> decode(j.digest, 'hex') then 2
      -- Twice in one call: the first of them took it in.
      when j.ordinal = any (v_new) then 0
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
