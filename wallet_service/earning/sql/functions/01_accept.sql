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
  -- The call's events, read from JSON once: one element for each, in their order.
  v_ordinal integer[];
  v_wallet uuid[];
  v_event uuid[];
  v_kind smallint[];
  v_source text[];
  v_source_event text[];
  v_order text[];
  v_value bigint[];
  v_occurred bigint[];
  v_hold bigint[];
  v_digest bytea[];
  v_content json[];
  v_program text[];
  v_now bigint[];
  v_verdict integer[];
  -- Those that were taken in, by their places in the call: one id may be that of events of several programs.
  v_new integer[];
  v_new_wallet uuid[];
  v_new_program text[];
  v_new_order text[];
  v_new_due timestamptz[];
begin
  -- The moment is the program's, as everywhere.
  select
    array_agg(j.ordinal), array_agg(j.wallet_id), array_agg(j.event_id), array_agg(j.kind), array_agg(j.source),
    array_agg(j.source_event_id), array_agg(j.order_ref), array_agg(j.value), array_agg(j.occurred), array_agg(j.hold),
    array_agg(decode(j.digest, 'hex')), array_agg(j.content), array_agg(j.program_id), array_agg(j.now),
    array_agg(
      case
        when j.program_id is null then 3
        when j.occurred > j.now + j.future then 4
        when j.occurred < j.now - j.past then 5
        else 0
      end
    )
  into
    v_ordinal, v_wallet, v_event, v_kind, v_source, v_source_event, v_order, v_value, v_occurred, v_hold, v_digest,
    v_content, v_program, v_now, v_verdict
  from (
    select n.*, w.program_id, ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) as now
    from json_to_recordset(p_events) as n (
      ordinal integer, wallet_id uuid, event_id uuid, kind smallint, source text, source_event_id text,
      order_ref text, value bigint, occurred bigint, future bigint, past bigint, hold bigint, digest text, content json
    )
    left join lateral (
      select x.program_id from ledger.wallet as x where x.wallet_id = n.wallet_id limit 1
    ) as w on true
    left join ledger.program as p on p.program_id = w.program_id
  ) as j;

  with n as materialized (
    select distinct on (n.program_id, n.event_id) n.*
    from unnest(
      v_ordinal, v_wallet, v_event, v_kind, v_source, v_source_event, v_order, v_value, v_occurred, v_hold, v_digest,
      v_content, v_program, v_now, v_verdict
    ) as n (
      ordinal, wallet_id, event_id, kind, source, source_event_id, order_ref, value, occurred, hold, digest, content,
      program_id, now, verdict
    )
    where n.verdict = 0
    order by n.program_id, n.event_id, n.ordinal
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
      ledger.moment(n.now + n.ordinal), ledger.moment(n.now + n.hold), n.digest, n.content, '{}'
    from n
    join keyed as k on k.program_id = n.program_id and k.event_id = n.event_id
    order by n.wallet_id, n.event_id
    on conflict (wallet_id, event_id) do nothing
    returning wallet_id, event_id, due_at
  )
  select
    coalesce(array_agg(n.ordinal), '{}'), array_agg(n.wallet_id), array_agg(n.program_id),
    array_agg(case when n.kind = 1 then n.order_ref else '' end), array_agg(t.due_at)
  into v_new, v_new_wallet, v_new_program, v_new_order, v_new_due
  from taken as t
  join n on n.wallet_id = t.wallet_id and n.event_id = t.event_id;

  insert into earning.order_key (program_id, order_ref, wallet_id)
  select distinct on (n.program_id, n.order_ref) n.program_id, n.order_ref, n.wallet_id
  from unnest(v_new, v_new_program, v_new_order, v_new_wallet) as n (ordinal, program_id, order_ref, wallet_id)
  where n.order_ref <> ''
  order by n.program_id, n.order_ref, n.ordinal
  on conflict (program_id, order_ref) do nothing;

  insert into earning.queue as q (wallet_id, program_id, due_at)
  select n.wallet_id, min(n.program_id), min(n.due_at)
  from unnest(v_new_wallet, v_new_program, v_new_due) as n (wallet_id, program_id, due_at)
  group by n.wallet_id
  order by n.wallet_id
  on conflict (wallet_id) do update set due_at = least(q.due_at, excluded.due_at);

  return query
  select
    n.ordinal,
    case
      when t.ordinal is not null then 0
      when n.verdict = 3 then 3
      -- It is sound, and yet was not taken in: another wallet has it.
      when e.event_id is null and n.verdict = 0 then 2
      when e.event_id is null then n.verdict
      when e.digest <> n.digest then 2
      -- Known, or twice in one call: the first of them took it in.
      else 1
    end
  from unnest(v_ordinal, v_wallet, v_event, v_digest, v_verdict) as n (ordinal, wallet_id, event_id, digest, verdict)
  left join unnest(v_new) as t (ordinal) on t.ordinal = n.ordinal
  left join lateral (
    select x.event_id, x.digest
    from earning.event as x
    where t.ordinal is null and x.wallet_id = n.wallet_id and x.event_id = n.event_id
    limit 1
  ) as e on true;
end
$$;
revoke all on function earning.accept from public;
grant execute on function earning.accept to wallet_app;
