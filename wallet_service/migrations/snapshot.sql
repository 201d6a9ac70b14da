CREATE SCHEMA earning;

CREATE SCHEMA fraud;

CREATE SCHEMA ledger;

CREATE SCHEMA reconciliation;

CREATE SCHEMA review;

CREATE SCHEMA rules;

CREATE TYPE ledger.credit_row AS (
	wallet_id uuid,
	credit_id uuid,
	amount bigint,
	pending bigint,
	frozen bigint,
	frozen_from_pending bigint,
	clawed_back bigint,
	reference text,
	expires bigint,
	created bigint,
	document text
);

CREATE TYPE ledger.entry_row AS (
	wallet_id uuid,
	seq bigint,
	kind smallint,
	source smallint,
	target smallint,
	amount bigint,
	pending bigint,
	available bigint,
	reserved bigint,
	frozen bigint,
	subject uuid,
	act uuid,
	lots text,
	detail text,
	at bigint,
	hash bytea
);

CREATE TYPE ledger.operation_row AS (
	wallet_id uuid,
	operation_id uuid,
	kind text,
	content text,
	actor text,
	reason text,
	at bigint,
	document text
);

CREATE TYPE ledger.reservation_row AS (
	wallet_id uuid,
	reservation_id uuid,
	state smallint,
	amount bigint,
	committed bigint,
	restored bigint,
	order_ref text,
	created bigint,
	closed bigint,
	document text
);

CREATE TYPE ledger.wallet_row AS (
	wallet_id uuid,
	expected bigint,
	revision bigint,
	state smallint,
	pending bigint,
	available bigint,
	reserved bigint,
	frozen bigint,
	version bigint,
	floor bigint,
	head bytea,
	document text,
	due bigint
);

CREATE FUNCTION earning.accept(p_events json) RETURNS TABLE(ordinal integer, verdict integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
    AS $$
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

CREATE FUNCTION earning.claim(p_lease uuid, p_seconds integer, p_limit integer) RETURNS TABLE(wallet_id uuid, program_id text, now bigint, customer_ref text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
declare
  v_programs text[];
  v_clocks timestamptz[];
  v_left integer := p_limit;
  v_share integer;
  v_rows integer;
begin
  select
    array_agg(p.program_id order by p.clock - h.due_at desc, p.program_id),
    array_agg(p.clock order by p.clock - h.due_at desc, p.program_id)
  into v_programs, v_clocks
  from (
    select x.program_id, coalesce(x.clock_at, clock_timestamp()) as clock from ledger.program as x
  ) as p
  cross join lateral (
    select z.due_at
    from earning.queue as z
    where z.program_id = p.program_id and z.due_at <= p.clock and z.leased_until <= clock_timestamp()
    order by z.due_at
    limit 1
  ) as h;

  v_share := greatest(1, p_limit / greatest(1, coalesce(cardinality(v_programs), 0)));
  -- The second turn is for what the shares left over.
  for v_turn in 1..2 loop
    exit when v_programs is null or v_left <= 0;
    return query
    with due as materialized (
      select y.wallet_id, y.customer_ref, p.clock
      from unnest(v_programs, v_clocks) as p (program_id, clock)
      cross join lateral (
        select z.wallet_id, w.customer_ref
        from earning.queue as z
        join ledger.wallet as w on w.wallet_id = z.wallet_id
        where z.program_id = p.program_id and z.due_at <= p.clock and z.leased_until <= clock_timestamp()
        order by z.due_at
        limit v_share
        for no key update of z skip locked
      ) as y
      limit v_left
    )
    update earning.queue as q
    set lease = p_lease, leased_until = clock_timestamp() + p_seconds * interval '1 second'
    from due as d
    -- Said again outside of the selection: on a spread table the lock inside alone does not keep two claims apart.
    where q.wallet_id = d.wallet_id and q.leased_until <= clock_timestamp()
    returning q.wallet_id, q.program_id, ledger.microseconds(d.clock), d.customer_ref;
    get diagnostics v_rows = row_count;
    v_left := v_left - v_rows;
    v_share := v_left;
    exit when cardinality(v_programs) = 1;
  end loop;
end
$$;

CREATE FUNCTION earning.claim_lookout(p_lease uuid, p_seconds integer, p_pause_seconds integer, p_share integer) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_after uuid;
begin
  update earning.lookout as l
  set
    lease = p_lease, leased_until = clock_timestamp() + p_seconds * interval '1 second', ended_at = null,
    began_at = case when l.ended_at is null then l.began_at else clock_timestamp() end,
    after_wallet = case
      when l.ended_at is null then l.after_wallet else '00000000-0000-0000-0000-000000000000'
    end
  where
    l.one and l.leased_until <= clock_timestamp()
    and (
      l.ended_at is null
      or l.ended_at + greatest(p_pause_seconds * interval '1 second', p_share * (l.ended_at - l.began_at))
      <= clock_timestamp()
    )
  returning l.after_wallet into v_after;
  return v_after;
end
$$;

CREATE FUNCTION earning.close_slices(p_slices uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_closed bigint;
begin
  -- The budget first, as take_slice does, or the two could wait for each other.
  perform b.cap_key from earning.budget as b
  where exists (
    select from earning.budget_slice as s
    where
      s.program_id = b.program_id and s.cap_key = b.cap_key and s.open
      and (s.slice_id = any (p_slices) or s.leased_until <= clock_timestamp())
  )
  order by b.program_id, b.cap_key
  for no key update;
  with ended as (
    update earning.budget_slice as s
    set open = false
    where s.open and (s.slice_id = any (p_slices) or s.leased_until <= clock_timestamp())
    returning s.slice_id, s.program_id, s.cap_key, s.granted - s.used as unused
  ),
  trimmed as (
    select e.program_id, e.cap_key, sum(e.unused) as unused, count(*) as number from ended as e group by 1, 2
  ),
  given as (
    update earning.budget as b
    set taken = b.taken - t.unused
    from trimmed as t
    where b.program_id = t.program_id and b.cap_key = t.cap_key
    returning t.number
  )
  select coalesce(sum(given.number), 0) into v_closed from given;
  return v_closed;
end
$$;

CREATE FUNCTION earning.put_off(p_lease uuid, p_wallet_id uuid, p_now bigint, p_tries_max integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION earning.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if not exists (select from ledger.program as p where p.program_id = p_program_id) then
    return null;
  end if;
  if p_before <> (select coalesce(max(x.version), 0) from earning.policy as x where x.program_id = p_program_id) then
    return null;
  end if;
  insert into earning.policy (program_id, version, document, actor, reason, at)
  values (p_program_id, p_before + 1, p_document::json, p_actor, p_reason, clock_timestamp())
  on conflict (program_id, version) do nothing;
  return case when found then p_before + 1 end;
end
$$;

CREATE FUNCTION earning.record(p_lease uuid, p_wallets uuid[], p_events json, p_caps json, p_slices json, p_release uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
  v_held uuid[];
  v_wanted bigint;
  v_rows bigint;
  -- Purchases that were decided: their wallets, and the orders whose returns need not wait any more.
  v_awake uuid[];
  v_wakes text[];
begin
  select coalesce(array_agg(q.wallet_id), '{}') into v_held
  from (
    select x.wallet_id from earning.queue as x
    where x.wallet_id = any (p_wallets) and x.lease = p_lease
    order by x.wallet_id
    for no key update
  ) as q;

  -- A budget's row is written only when something comes back: not for every event.
  perform b.cap_key
  from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, cap_key text)
  join earning.queue as q on q.wallet_id = n.wallet_id
  join earning.budget as b on b.program_id = q.program_id and b.cap_key = n.cap_key
  where n.slice_id is null and n.wallet_id = any (v_held)
  order by b.program_id, b.cap_key
  for no key update of b;
  update earning.budget as b
  set taken = b.taken - r.amount, refilled = b.refilled + r.amount
  from (
    select q.program_id, n.cap_key, sum(n.amount) as amount
    from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, cap_key text, amount bigint)
    join earning.queue as q on q.wallet_id = n.wallet_id
    where n.slice_id is null and n.wallet_id = any (v_held)
    group by q.program_id, n.cap_key
  ) as r
  where b.program_id = r.program_id and b.cap_key = r.cap_key;

  perform s.slice_id from earning.budget_slice as s
  where s.slice_id in (select n.slice_id from json_to_recordset(p_slices) as n (slice_id uuid))
  order by s.slice_id
  for no key update;
  with used as (
    select n.slice_id, sum(n.amount) as amount
    from json_to_recordset(p_slices) as n (wallet_id uuid, slice_id uuid, amount bigint)
    where n.slice_id is not null and n.wallet_id = any (v_held)
    group by n.slice_id
  ),
  spent as (
    update earning.budget_slice as s
    set used = s.used + u.amount
    from used as u
    where s.slice_id = u.slice_id and s.open and s.used + u.amount <= s.granted
    returning s.slice_id
  )
  select (select count(*) from used), (select count(*) from spent) into v_wanted, v_rows;
  if v_wanted <> v_rows then
    raise exception 'a slice of a budget is short' using errcode = 'WL002';
  end if;

  with n as materialized (
    select n.*
    from json_to_recordset(p_events) as n (
      wallet_id uuid, event_id uuid, state smallint, due bigint, tries smallint, amount bigint, clawed_back bigint,
      debt bigint, result json, wakes text
    )
    where n.wallet_id = any (v_held)
  ),
  written as (
    update earning.event as e
    set
      state = n.state, due_at = ledger.moment(n.due), tries = n.tries, amount = n.amount,
      clawed_back = n.clawed_back, debt = n.debt, result = coalesce(n.result, e.result)
    from n
    where e.wallet_id = n.wallet_id and e.event_id = n.event_id
  )
  select array_agg(n.wallet_id), array_agg(n.wakes) into v_awake, v_wakes from n where n.wakes <> '';

  -- What goes back was counted before, so its row is there.
  update earning.cap_use as c
  set used = c.used + r.amount
  from (
    select n.wallet_id, n.cap_key, sum(n.amount) as amount
    from json_to_recordset(p_caps) as n (wallet_id uuid, cap_key text, amount bigint)
    where n.wallet_id = any (v_held)
    group by n.wallet_id, n.cap_key
    having sum(n.amount) < 0
  ) as r
  where c.wallet_id = r.wallet_id and c.cap_key = r.cap_key;
  insert into earning.cap_use as c (wallet_id, cap_key, used)
  select n.wallet_id, n.cap_key, sum(n.amount)
  from json_to_recordset(p_caps) as n (wallet_id uuid, cap_key text, amount bigint)
  where n.wallet_id = any (v_held)
  group by n.wallet_id, n.cap_key
  having sum(n.amount) >= 0
  order by n.wallet_id, n.cap_key
  on conflict (wallet_id, cap_key) do update set used = c.used + excluded.used;

  -- Who decided a purchase says so, and its returns need not wait any more.
  update earning.event as e
  set due_at = '1970-01-01T00:00:00Z'
  from unnest(v_awake, v_wakes) as n (wallet_id, wakes)
  where
    e.wallet_id = n.wallet_id and e.order_ref = n.wakes
    and e.kind = 8 and e.state = 1 and e.result -> 'reasons' ->> 0 = 'WAITS_FOR_PURCHASE';

  update earning.queue as q
  set
    lease = null, leased_until = '1970-01-01T00:00:00Z',
    due_at = coalesce(
      (
        select min(e.due_at) from earning.event as e
        where e.wallet_id = q.wallet_id and e.due_at < '9999-01-01T00:00:00Z'
      ),
      'infinity'
    )
  where q.wallet_id = any (v_held) and q.wallet_id = any (p_release);
  delete from earning.queue as q
  where q.wallet_id = any (v_held) and q.wallet_id = any (p_release) and q.due_at = 'infinity';

  return query select unnest(v_held);
end
$$;

CREATE FUNCTION earning.record_warnings(p_lease uuid, p_seconds integer, p_warnings json, p_from uuid, p_to uuid, p_keep_days integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_new bigint;
begin
  perform l.one from earning.lookout as l where l.one and l.lease = p_lease for no key update;
  if not found then
    return null;
  end if;
  with written as (
    insert into earning.expiry_warning (
      wallet_id, warning_id, program_id, expires_at, before_seconds, amount, inactivity, warned_at
    )
    select
      n.wallet_id, n.warning_id, n.program_id, ledger.moment(n.expires), n.before_seconds, n.amount, n.inactivity,
      coalesce(p.clock_at, clock_timestamp())
    from json_to_recordset(p_warnings) as n (
      wallet_id uuid, warning_id uuid, program_id text, expires bigint, before_seconds bigint, amount bigint,
      inactivity boolean
    )
    join ledger.program as p on p.program_id = n.program_id
    order by n.wallet_id, n.warning_id
    on conflict (wallet_id, warning_id) do nothing
    returning warning_id
  )
  select count(*) into v_new from written;
  delete from earning.expiry_warning as e
  using ledger.program as p
  where
    e.wallet_id > p_from and e.wallet_id <= p_to and p.program_id = e.program_id
    and e.expires_at < coalesce(p.clock_at, clock_timestamp()) - p_keep_days * interval '1 day';
  update earning.lookout as l
  set
    after_wallet = coalesce(p_to, l.after_wallet),
    ended_at = case when p_to is null then clock_timestamp() end,
    lease = case when p_to is null then null else l.lease end,
    leased_until = case
      when p_to is null then '1970-01-01T00:00:00Z' else clock_timestamp() + p_seconds * interval '1 second'
    end
  where l.one;
  return v_new;
end
$$;

CREATE FUNCTION earning.retry(p_wallet_id uuid, p_retry_id uuid, p_event_id uuid, p_actor text, p_reason text) RETURNS smallint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION earning.review(p_wallet_id uuid, p_event_id uuid, p_approve boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION earning.take_slice(p_slice_id uuid, p_program_id text, p_cap_key text, p_limit bigint, p_needed bigint, p_wanted bigint, p_seconds integer, p_own uuid[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_left bigint;
  v_back bigint;
  v_granted bigint;
begin
  insert into earning.budget as b (program_id, cap_key, limit_minor, taken)
  values (p_program_id, p_cap_key, p_limit, 0)
  -- A budget that was lowered below what is taken stays at what is taken: nothing is granted any more.
  on conflict (program_id, cap_key) do update set limit_minor = greatest(excluded.limit_minor, b.taken)
  returning b.limit_minor - b.taken into v_left;

  if v_left < p_needed then
    with others as (
      select s.slice_id, s.granted - s.used as unused
      from earning.budget_slice as s
      where s.program_id = p_program_id and s.cap_key = p_cap_key and s.open and s.granted > s.used
        and s.slice_id <> all (p_own)
        -- Whoever has just taken one is about to spend it: let him, or all take from each other for ever.
        and s.leased_until <= clock_timestamp() + (p_seconds - 0.1) * interval '1 second'
      order by s.slice_id
      for no key update
    ),
    shrunk as (
      update earning.budget_slice as s
      set granted = s.used
      from others as o
      where s.slice_id = o.slice_id
      returning o.unused
    )
    select coalesce(sum(shrunk.unused), 0) into v_back from shrunk;
    v_left := v_left + v_back;
    update earning.budget as b
    set taken = b.taken - v_back, limit_minor = greatest(p_limit, b.taken - v_back)
    where b.program_id = p_program_id and b.cap_key = p_cap_key
    returning b.limit_minor - b.taken into v_left;
  end if;

  v_granted := least(greatest(p_wanted, p_needed), v_left);
  if v_granted <= 0 and exists (
    select from earning.budget_slice as s
    where
      s.program_id = p_program_id and s.cap_key = p_cap_key and s.open and s.granted > s.used
      and s.slice_id <> all (p_own)
  ) then
    return -1;
  end if;
  if v_granted > 0 then
    update earning.budget as b set taken = b.taken + v_granted
    where b.program_id = p_program_id and b.cap_key = p_cap_key;
    insert into earning.budget_slice (slice_id, program_id, cap_key, granted, leased_until)
    values (
      p_slice_id, p_program_id, p_cap_key, v_granted, clock_timestamp() + p_seconds * interval '1 second'
    );
  end if;
  return v_granted;
end
$$;

CREATE FUNCTION fraud.forget_links(p_before bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_wallets uuid[];
  v_kinds smallint[];
  v_keys bytea[];
  v_number bigint;
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;

  with old as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    where l.last_seen < ledger.moment(p_before)
    order by l.last_seen
    limit p_limit
  ),
  held as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    join old as o on o.wallet_id = l.wallet_id and o.kind = l.kind and o.key = l.key
    order by l.wallet_id, l.kind, l.key
    for update of l
  ),
  gone as (
    delete from fraud.link as l
    using held as h
    -- Said again: it may have been seen since it was chosen.
    where
      l.wallet_id = h.wallet_id and l.kind = h.kind and l.key = h.key and l.last_seen < ledger.moment(p_before)
    returning l.wallet_id, l.kind, l.key, l.joined
  )
  select
    array_agg(g.wallet_id) filter (where g.joined), array_agg(g.kind) filter (where g.joined),
    array_agg(g.key) filter (where g.joined), count(*)
  into v_wallets, v_kinds, v_keys, v_number
  from gone as g;

  update fraud.link_key as k
  set
    degree = k.degree - n.number,
    -- All who have a key that is no hub are in one ring, so whoever still has it is found there.
    wallet_id = case
      when k.wallet_id = any (n.wallets)
        then (
          select l.wallet_id
          from fraud.ring_member as m
          join fraud.ring_member as o on o.ring_id = m.ring_id
          join fraud.link as l on l.wallet_id = o.wallet_id and l.kind = k.kind and l.key = k.key and l.joined
          where m.wallet_id = k.wallet_id
          limit 1
        )
      else k.wallet_id
    end
  from (
    select g.kind, g.key, count(*)::integer as number, array_agg(g.wallet_id) as wallets
    from unnest(v_wallets, v_kinds, v_keys) as g (wallet_id, kind, key)
    group by g.kind, g.key
  ) as n
  where k.kind = n.kind and k.key = n.key;

  update fraud.ring as r
  set stale = true
  from fraud.ring_member as m
  where m.wallet_id = any (v_wallets) and r.ring_id = m.ring_id;

  delete from fraud.link_key as k
  using unnest(v_kinds, v_keys) as g (kind, key)
  where k.kind = g.kind and k.key = g.key and k.degree = 0 and not k.hub;

  return v_number;
end
$$;

CREATE FUNCTION fraud.forget_links_v2(p_program_id text, p_before bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_wallets uuid[];
  v_kinds smallint[];
  v_keys bytea[];
  v_number bigint;
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;

  with old as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    where l.program_id = p_program_id and l.last_seen < ledger.moment(p_before)
    order by l.last_seen
    limit p_limit
  ),
  held as (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    join old as o on o.wallet_id = l.wallet_id and o.kind = l.kind and o.key = l.key
    order by l.wallet_id, l.kind, l.key
    for update of l
  ),
  gone as (
    delete from fraud.link as l
    using held as h
    -- Said again: it may have been seen since it was chosen.
    where
      l.wallet_id = h.wallet_id and l.kind = h.kind and l.key = h.key and l.last_seen < ledger.moment(p_before)
    returning l.wallet_id, l.kind, l.key, l.joined
  )
  select
    array_agg(g.wallet_id) filter (where g.joined), array_agg(g.kind) filter (where g.joined),
    array_agg(g.key) filter (where g.joined), count(*)
  into v_wallets, v_kinds, v_keys, v_number
  from gone as g;

  update fraud.link_key as k
  set
    degree = k.degree - n.number,
    -- All who have a key that is no hub are in one ring, so whoever still has it is found there.
    wallet_id = case
      when k.wallet_id = any (n.wallets)
        then (
          select l.wallet_id
          from fraud.ring_member as m
          join fraud.ring_member as o on o.ring_id = m.ring_id
          join fraud.link as l on l.wallet_id = o.wallet_id and l.kind = k.kind and l.key = k.key and l.joined
          where m.wallet_id = k.wallet_id
          limit 1
        )
      else k.wallet_id
    end
  from (
    select g.kind, g.key, count(*)::integer as number, array_agg(g.wallet_id) as wallets
    from unnest(v_wallets, v_kinds, v_keys) as g (wallet_id, kind, key)
    group by g.kind, g.key
  ) as n
  where k.kind = n.kind and k.key = n.key;

  update fraud.ring as r
  set stale = true
  from fraud.ring_member as m
  where m.wallet_id = any (v_wallets) and r.ring_id = m.ring_id;

  delete from fraud.link_key as k
  using unnest(v_kinds, v_keys) as g (kind, key)
  where k.kind = g.kind and k.key = g.key and k.degree = 0 and not k.hub;

  return v_number;
end
$$;

CREATE FUNCTION fraud.forget_sightings(p_program_id text, p_before bigint, p_limit bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_links bigint;
  v_devices bigint;
begin
  delete from fraud.wallet_device as l
  using (
    select x.wallet_id, x.kind, x.key from fraud.wallet_device as x
    where x.program_id = p_program_id and x.last_seen < ledger.moment(p_before)
    order by x.last_seen
    limit p_limit
  ) as old
  where
    l.wallet_id = old.wallet_id and l.kind = old.kind and l.key = old.key and l.last_seen < ledger.moment(p_before);
  get diagnostics v_links = row_count;
  delete from fraud.device as d
  using (
    select x.kind, x.key from fraud.device as x
    where x.program_id = p_program_id and x.last_seen < ledger.moment(p_before)
    order by x.last_seen
    limit p_limit
  ) as old
  where
    d.program_id = p_program_id and d.kind = old.kind and d.key = old.key and d.last_seen < ledger.moment(p_before);
  get diagnostics v_devices = row_count;
  return v_links + v_devices;
end
$$;

CREATE FUNCTION fraud.make_hubs(p_keys bytea[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_wallets uuid[];
  v_number bigint;
begin
  if cardinality(p_keys) > 1000 then
    raise exception 'too many keys at once' using errcode = 'WL001';
  end if;
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;

  with hubs as (
    update fraud.link_key as k
    set hub = true
    where k.kind in (1, 2) and k.key = any (p_keys) and not k.hub
    returning k.wallet_id
  )
  select array_agg(h.wallet_id), count(*) into v_wallets, v_number from hubs as h;

  -- All who have a key that was no hub are in one ring.
  update fraud.ring as r
  set stale = true
  from fraud.ring_member as m
  where m.wallet_id = any (v_wallets) and r.ring_id = m.ring_id;

  return v_number;
end
$$;

CREATE FUNCTION fraud.note_links(p_wallets uuid[], p_kinds smallint[], p_keys bytea[], p_seen bigint[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_new bigint;
begin
  if cardinality(p_wallets) > 1000 then
    raise exception 'too many links at once' using errcode = 'WL001';
  end if;
  with said as (
    select
      n.wallet_id, n.kind, n.key, ledger.moment(min(n.seen)) as first_seen, ledger.moment(max(n.seen)) as last_seen,
      coalesce((select w.program_id from ledger.wallet as w where w.wallet_id = n.wallet_id), '') as program_id
    from unnest(p_wallets, p_kinds, p_keys, p_seen) as n (wallet_id, kind, key, seen)
    group by n.wallet_id, n.kind, n.key
    order by n.wallet_id, n.kind, n.key
  ),
  noted as (
    insert into fraud.link as l (wallet_id, kind, key, first_seen, last_seen, program_id)
    select s.wallet_id, s.kind, s.key, s.first_seen, s.last_seen, s.program_id from said as s
    on conflict (wallet_id, kind, key) do update
    set
      first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen),
      program_id = excluded.program_id
    where
      excluded.last_seen > l.last_seen + interval '1 hour' or excluded.first_seen < l.first_seen - interval '1 hour'
    -- A row of this statement's own making has no older version.
    returning (l.xmax = 0) as fresh
  )
  select count(*) filter (where noted.fresh) into v_new from noted;
  return v_new;
end
$$;

CREATE FUNCTION fraud.note_sightings(p_sightings json) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_rows bigint;
  v_seen record;
begin
  -- Only while one key takes the place of another; then one by one, for each may be there under several.
  for v_seen in
    select n.program_id, n.wallet_id, n.kind, n.key, f.former
    from json_to_recordset(p_sightings) as n (program_id text, wallet_id uuid, kind text, key text, others text[])
    cross join lateral unnest(n.others) as f (former)
    order by n.program_id, n.kind, n.key, f.former, n.wallet_id
  loop
    with old as (
      delete from fraud.device as d
      where d.program_id = v_seen.program_id and d.kind = v_seen.kind and d.key = v_seen.former
      returning d.first_seen, d.last_seen
    )
    insert into fraud.device as d (program_id, kind, key, first_seen, last_seen)
    select v_seen.program_id, v_seen.kind, v_seen.key, o.first_seen, o.last_seen from old as o
    on conflict (program_id, kind, key) do update
    set first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen);
    with old as (
      delete from fraud.wallet_device as l
      where l.wallet_id = v_seen.wallet_id and l.kind = v_seen.kind and l.key = v_seen.former
      returning l.first_seen, l.last_seen
    )
    insert into fraud.wallet_device as l (wallet_id, kind, key, program_id, first_seen, last_seen)
    select v_seen.wallet_id, v_seen.kind, v_seen.key, v_seen.program_id, o.first_seen, o.last_seen from old as o
    on conflict (wallet_id, kind, key) do update
    set first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen);
  end loop;

  insert into fraud.device as d (program_id, kind, key, first_seen, last_seen)
  select n.program_id, n.kind, n.key, min(ledger.moment(n.at)), max(ledger.moment(n.at))
  from json_to_recordset(p_sightings) as n (program_id text, kind text, key text, at bigint)
  group by n.program_id, n.kind, n.key
  order by n.program_id, n.kind, n.key
  on conflict (program_id, kind, key) do update
  set first_seen = least(d.first_seen, excluded.first_seen), last_seen = greatest(d.last_seen, excluded.last_seen);

  insert into fraud.wallet_device as l (wallet_id, kind, key, program_id, first_seen, last_seen)
  select n.wallet_id, n.kind, n.key, n.program_id, min(ledger.moment(n.at)), max(ledger.moment(n.at))
  from json_to_recordset(p_sightings) as n (program_id text, wallet_id uuid, kind text, key text, at bigint)
  group by n.wallet_id, n.kind, n.key, n.program_id
  order by n.wallet_id, n.kind, n.key
  on conflict (wallet_id, kind, key) do update
  set first_seen = least(l.first_seen, excluded.first_seen), last_seen = greatest(l.last_seen, excluded.last_seen);
  get diagnostics v_rows = row_count;
  return v_rows;
end
$$;

CREATE FUNCTION fraud.publish_model(p_version bigint, p_scoring bigint, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_last fraud.model_publication;
  v_revision bigint;
begin
  lock table fraud.model_publication in share row exclusive mode;
  select * into v_last from fraud.model_publication as p order by p.revision desc limit 1;
  if p_scoring is not null and coalesce(v_last.version, 0) <> p_scoring then
    return null;
  end if;
  insert into fraud.model_publication (revision, version, at, actor, reason)
  select coalesce(v_last.revision, 0) + 1, m.version, clock_timestamp(), p_actor, p_reason
  from fraud.model as m
  where m.version = p_version
  returning revision into v_revision;
  return v_revision;
end
$$;

CREATE FUNCTION fraud.put_policy(p_program_id text, p_before bigint, p_document text, p_origin text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_newest fraud.policy;
  v_before bigint;
begin
  if not exists (select from ledger.program as p where p.program_id = p_program_id) then
    return null;
  end if;
  select * into v_newest from fraud.policy as x where x.program_id = p_program_id order by x.version desc limit 1;
  v_before := coalesce(v_newest.version, 0);
  if p_before <> v_before then
    return null;
  end if;
  if v_newest.document = p_document then
    return v_before;
  end if;
  insert into fraud.policy (program_id, version, document, origin, actor, reason, at)
  values (p_program_id, v_before + 1, p_document, p_origin, p_actor, p_reason, clock_timestamp())
  on conflict (program_id, version) do nothing;
  return case when found then v_before + 1 end;
end
$$;

CREATE FUNCTION fraud.record_joins(p_links json, p_keys json, p_rings json, p_merged json, p_members json) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
  update fraud.link as l
  set joined = true
  from json_to_recordset(p_links) as n (wallet_id uuid, kind smallint, key text)
  where l.wallet_id = n.wallet_id and l.kind = n.kind and l.key = decode(n.key, 'hex');

  insert into fraud.link_key as k (kind, key, degree, hub, wallet_id)
  select n.kind, decode(n.key, 'hex'), n.degree, n.hub, n.wallet_id
  from json_to_recordset(p_keys) as n (kind smallint, key text, degree integer, hub boolean, wallet_id uuid)
  on conflict (kind, key) do update
  set degree = excluded.degree, hub = excluded.hub, wallet_id = excluded.wallet_id;

  insert into fraud.ring as r (ring_id, wallets, stale, changed_at)
  select n.ring_id, n.wallets, n.stale, clock_timestamp()
  from json_to_recordset(p_rings) as n (ring_id uuid, wallets integer, stale boolean)
  on conflict (ring_id) do update
  set
    wallets = excluded.wallets, stale = r.stale or excluded.stale, changed_at = excluded.changed_at,
    revision = r.revision + 1;

  -- What is to be looked at again stays so when it becomes a part of something larger.
  update fraud.ring as r
  set stale = true
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  join fraud.ring as g on g.ring_id = n.ring_id
  where r.ring_id = n.target_id and g.stale;

  update fraud.ring_member as m
  set ring_id = n.target_id
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  where m.ring_id = n.ring_id;

  update fraud.ring as r
  set
    wallets = 0, stale = false, merged_into = n.target_id, changed_at = clock_timestamp(),
    judged_revision = r.revision
  from json_to_recordset(p_merged) as n (ring_id uuid, target_id uuid)
  where r.ring_id = n.ring_id;

  insert into fraud.ring_member as m (wallet_id, ring_id)
  select n.wallet_id, n.ring_id
  from json_to_recordset(p_members) as n (wallet_id uuid, ring_id uuid)
  on conflict (wallet_id) do update
  set ring_id = excluded.ring_id;
end
$$;

CREATE FUNCTION fraud.record_judgements(p_judgements json) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION fraud.record_model(p_parent bigint, p_origin text, p_document bytea, p_metrics jsonb, p_actor text, p_reason text, p_keep integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_version bigint;
begin
  lock table fraud.model in share row exclusive mode;
  insert into fraud.model (version, parent, origin, document, metrics, trained_at, actor, reason)
  select
    coalesce(max(m.version), 0) + 1, p_parent, p_origin, p_document, p_metrics, clock_timestamp(), p_actor, p_reason
  from fraud.model as m
  returning version into v_version;

  delete from fraud.model as m
  where
    m.origin = 'stream' and m.version <= v_version - p_keep
    and not exists (select from fraud.model_publication as p where p.version = m.version);
  return v_version;
end
$$;

CREATE FUNCTION fraud.record_split(p_ring uuid, p_rings json, p_members json, p_alone uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
  update fraud.ring as r
  set wallets = 0, stale = false, changed_at = clock_timestamp(), revision = r.revision + 1
  where r.ring_id = p_ring;

  insert into fraud.ring as r (ring_id, wallets, changed_at)
  select n.ring_id, n.wallets, clock_timestamp()
  from json_to_recordset(p_rings) as n (ring_id uuid, wallets integer)
  on conflict (ring_id) do update
  set wallets = excluded.wallets;

  update fraud.ring_member as m
  set ring_id = n.ring_id
  from json_to_recordset(p_members) as n (wallet_id uuid, ring_id uuid)
  where m.wallet_id = n.wallet_id;

  delete from fraud.ring_member as m where m.wallet_id = any (p_alone);
end
$$;

CREATE FUNCTION fraud.record_suspicion(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update fraud.ring as r
  set
    suspicion = p_suspicion, reasons = p_reasons, judged_revision = p_revision,
    anchor_id = coalesce(r.anchor_id, p_anchor)
  where r.ring_id = p_ring and r.judged_revision < p_revision;
end
$$;

CREATE FUNCTION fraud.record_suspicion_v2(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid, p_program_id text, p_mark text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update fraud.ring as r
  set
    suspicion = p_suspicion, reasons = p_reasons, judged_revision = p_revision,
    anchor_id = coalesce(r.anchor_id, p_anchor), program_id = p_program_id, judged_by = p_mark
  where r.ring_id = p_ring and r.judged_revision <= p_revision;
end
$$;

CREATE FUNCTION fraud.take_links(p_limit integer) RETURNS TABLE(wallet_id uuid, kind smallint, key bytea, degree integer, hub boolean, holder_id uuid, holder_ring uuid, holder_ring_wallets integer, own_ring uuid, own_ring_wallets integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;
  -- A statement of its own: it sees what was written while the turn was waited for.
  return query
  with waiting as materialized (
    select l.wallet_id, l.kind, l.key from fraud.link as l
    where not l.joined
    order by l.wallet_id
    limit p_limit
  )
  select
    w.wallet_id, w.kind, w.key, coalesce(k.degree, 0), coalesce(k.hub, false), k.wallet_id, hr.ring_id, hr.wallets,
    r.ring_id, r.wallets
  from waiting as w
  left join fraud.link_key as k on k.kind = w.kind and k.key = w.key
  left join fraud.ring_member as hm on hm.wallet_id = k.wallet_id
  left join fraud.ring as hr on hr.ring_id = hm.ring_id
  left join fraud.ring_member as m on m.wallet_id = w.wallet_id
  left join fraud.ring as r on r.ring_id = m.ring_id;
end
$$;

CREATE FUNCTION fraud.take_links_v2(p_limit integer) RETURNS TABLE(wallet_id uuid, program_id text, kind smallint, key bytea, degree integer, hub boolean, holder_id uuid, holder_ring uuid, holder_ring_wallets integer, own_ring uuid, own_ring_wallets integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;
  -- A statement of its own: it sees what was written while the turn was waited for.
  return query
  with waiting as materialized (
    select l.wallet_id, l.program_id, l.kind, l.key from fraud.link as l
    where not l.joined
    order by l.wallet_id
    limit p_limit
  )
  select
    w.wallet_id, w.program_id, w.kind, w.key, coalesce(k.degree, 0), coalesce(k.hub, false), k.wallet_id, hr.ring_id,
    hr.wallets, r.ring_id, r.wallets
  from waiting as w
  left join fraud.link_key as k on k.kind = w.kind and k.key = w.key
  left join fraud.ring_member as hm on hm.wallet_id = k.wallet_id
  left join fraud.ring as hr on hr.ring_id = hm.ring_id
  left join fraud.ring_member as m on m.wallet_id = w.wallet_id
  left join fraud.ring as r on r.ring_id = m.ring_id;
end
$$;

CREATE FUNCTION fraud.take_stale_ring() RETURNS TABLE(ring_id uuid, wallet_id uuid, kind smallint, key bytea)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
#variable_conflict use_column
declare
  v_ring uuid;
begin
  perform t.turn from fraud.ring_turn as t where t.turn = 1 for no key update;
  select r.ring_id into v_ring from fraud.ring as r where r.stale order by r.ring_id limit 1;
  return query
  select m.ring_id, m.wallet_id, h.kind, h.key
  from fraud.ring_member as m
  left join lateral (
    select l.kind, l.key
    from fraud.link as l
    join fraud.link_key as k on k.kind = l.kind and k.key = l.key
    where l.wallet_id = m.wallet_id and l.joined and not k.hub
  ) as h on true
  where m.ring_id = v_ring;
end
$$;

CREATE FUNCTION ledger.append(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_lost uuid[];
  v_wrong uuid;
  v_rows bigint;
begin
  -- Who has changed since, and the first whose entries do not follow on without a gap, move the balances that they show,
  -- end at those of the wallet, and belong to a wallet that is locked. One statement: the rows are looked up once.
  with locked as materialized (
    select
      n.wallet_id, w.revision is distinct from n.expected as is_lost, n.expected, n.revision, n.version, n.pending,
      n.available, n.reserved, n.frozen, n.head, w.version as old_version, w.pending as old_pending,
      w.available as old_available, w.reserved as old_reserved, w.frozen as old_frozen, w.head as old_head
    from (select u.* from unnest(p_wallets) as u order by u.wallet_id) as n
    left join lateral (
      select x.revision, x.version, x.pending, x.available, x.reserved, x.frozen, x.head
      from ledger.wallet as x
      where x.wallet_id = n.wallet_id
      for no key update
    ) as w on true
  ),
  steps as (
    select
      u.wallet_id, u.seq, u.source, u.target, u.amount, u.pending, u.available, u.reserved, u.frozen, u.hash,
      lag(u.seq) over steps as seq_before, lag(u.pending) over steps as pending_before,
      lag(u.available) over steps as available_before, lag(u.reserved) over steps as reserved_before,
      lag(u.frozen) over steps as frozen_before, lead(u.seq) over steps is null as is_last
    from unnest(p_entries) as u
    window steps as (partition by u.wallet_id order by u.seq)
  )
  select
    (select array_agg(l.wallet_id) from locked as l where l.is_lost),
    (
      select coalesce(n.wallet_id, e.wallet_id)
      from locked as n
      full join steps as e on e.wallet_id = n.wallet_id
      where
        n.wallet_id is null
        or not n.is_lost and (
          n.revision <= n.expected
          or case
            when e.seq is null then
              (n.version, n.pending, n.available, n.reserved, n.frozen, n.head)
              is distinct from
              (n.old_version, n.old_pending, n.old_available, n.old_reserved, n.old_frozen, n.old_head)
            else
              e.seq <> coalesce(e.seq_before, n.old_version) + 1
              or e.pending <> coalesce(e.pending_before, n.old_pending)
              + case e.target when 1 then e.amount else 0 end - case e.source when 1 then e.amount else 0 end
              or e.available <> coalesce(e.available_before, n.old_available)
              + case e.target when 2 then e.amount else 0 end - case e.source when 2 then e.amount else 0 end
              or e.reserved <> coalesce(e.reserved_before, n.old_reserved)
              + case e.target when 3 then e.amount else 0 end - case e.source when 3 then e.amount else 0 end
              or e.frozen <> coalesce(e.frozen_before, n.old_frozen)
              + case e.target when 4 then e.amount else 0 end - case e.source when 4 then e.amount else 0 end
              or e.is_last
              and (n.version, n.pending, n.available, n.reserved, n.frozen, n.head)
              is distinct from (e.seq, e.pending, e.available, e.reserved, e.frozen, e.hash)
          end
        )
      limit 1
    )
  into v_lost, v_wrong;
  if v_wrong is not null then
    raise exception 'the entries of wallet % do not add up to its balances', v_wrong using errcode = 'WL001';
  end if;

  update ledger.wallet as w
  set
    state = n.state, pending = n.pending, available = n.available, reserved = n.reserved, frozen = n.frozen,
    -- A program whose floor was raised still lets a wallet below it live; only deeper it cannot fall.
    floor_minor = least(n.floor, w.available, 0), version = n.version, revision = n.revision, head = n.head,
    document = n.document::json, due_at = least(w.due_at, ledger.moment(n.due))
  from unnest(p_wallets) as n
  where w.wallet_id = n.wallet_id and w.revision = n.expected;

  insert into ledger.entry (
    wallet_id, seq, kind, source, target, amount, pending_after, available_after, reserved_after, frozen_after,
    subject_id, act_id, lots, detail, at, hash
  )
  select
    e.wallet_id, e.seq, e.kind, e.source, e.target, e.amount, e.pending, e.available, e.reserved, e.frozen,
    e.subject, e.act, e.lots::json, e.detail, ledger.moment(e.at), e.hash
  from unnest(p_entries) as e
  where v_lost is null or e.wallet_id <> all (v_lost);

  if cardinality(p_reservations) > 0 then
    -- A row is final; only a refund adds to it.
    insert into ledger.reservation as r (
      wallet_id, reservation_id, state, amount, committed, restored, order_ref, created_at, closed_at, document
    )
    select
      n.wallet_id, n.reservation_id, n.state, n.amount, n.committed, n.restored, n.order_ref,
      ledger.moment(n.created), ledger.moment(n.closed), n.document::json
    from unnest(p_reservations) as n
    where n.wallet_id in (select u.wallet_id from unnest(p_wallets) as u)
      and (v_lost is null or n.wallet_id <> all (v_lost))
    on conflict (wallet_id, reservation_id) do update
    set restored = excluded.restored, document = excluded.document
    where r.state = excluded.state and r.amount = excluded.amount and r.committed = excluded.committed
      and r.restored < excluded.restored;
    get diagnostics v_rows = row_count;
    if v_rows <> (
      select count(*) from unnest(p_reservations) as n where v_lost is null or n.wallet_id <> all (v_lost)
    ) then
      raise exception 'a reservation that has ended would change' using errcode = 'WL001';
    end if;
  end if;

  return v_lost;
end
$$;

CREATE FUNCTION ledger.append_with_records(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) RETURNS uuid[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_lost uuid[];
begin
  v_lost := ledger.append(p_wallets, p_entries, p_reservations);
  perform ledger.write_records(v_lost, p_credits, p_operations);
  return v_lost;
end
$$;

CREATE FUNCTION ledger.due_wallets(p_limit integer) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
  return query
  with early as materialized (
    select w.wallet_id, ledger.moment((w.document ->> 4)::bigint) as due_at, p.clock
    from (
      select x.program_id, coalesce(x.clock_at, clock_timestamp()) as clock from ledger.program as x
    ) as p
    cross join lateral (
      select y.wallet_id, y.document
      from ledger.wallet as y
      where y.program_id = p.program_id and y.due_at <= p.clock and y.due_at < '9999-01-01T00:00:00Z'
      order by y.due_at
      limit p_limit
      for no key update skip locked
    ) as w
  ),
  corrected as (
    update ledger.wallet as w
    set due_at = e.due_at
    from early as e
    where w.wallet_id = e.wallet_id and e.due_at > e.clock
  )
  select e.wallet_id from early as e where e.due_at <= e.clock;
end
$$;

CREATE FUNCTION ledger.free_wallets(p_wallets uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
  return query
    select w.wallet_id
    from unnest(p_wallets) as n (wallet_id)
    cross join lateral (
      select x.wallet_id from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update skip locked
    ) as w;
end
$$;

CREATE FUNCTION ledger.lock_wallets(p_wallets uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
begin
  perform w.wallet_id
  from (select u.wallet_id from unnest(p_wallets) as u (wallet_id) order by u.wallet_id) as n
  cross join lateral (
    select x.wallet_id from ledger.wallet as x where x.wallet_id = n.wallet_id for no key update
  ) as w;
end
$$;

CREATE FUNCTION ledger.microseconds(p_moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((EXTRACT(epoch FROM p_moment) * (1000000)::numeric))::bigint;

CREATE FUNCTION ledger.moment(p_microseconds bigint) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + ((p_microseconds)::double precision * '00:00:00.000001'::interval));

CREATE FUNCTION ledger.open_wallet(p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now bigint;
begin
  select ledger.microseconds(coalesce(p.clock_at, clock_timestamp())) into v_now
  from ledger.program as p
  where p.program_id = p_program_id;
  if not found then
    return null;
  end if;
  insert into ledger.wallet (wallet_id, program_id, customer_ref, head, document)
  values (
    p_wallet_id, p_program_id, p_customer_ref, p_head,
    format('[[],[],[],[],253402300799000000,%s,%s,[]]', v_now, v_now)::json
  )
  on conflict (wallet_id) do nothing;
  return found;
end
$$;

CREATE FUNCTION ledger.put_program(p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint, p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text, p_clock bigint, p_actor text, p_reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if p_expected = 0 then
    insert into ledger.program (
      program_id, version, display_name, sandbox, asset, exponent, currency, rate_numerator, rate_denominator,
      floor_minor, policy, clock_at, updated_at
    ) values (
      p_program_id, 1, p_display_name, p_sandbox, p_asset, p_exponent, p_currency, p_rate_numerator,
      p_rate_denominator, p_floor_minor, p_policy::jsonb, ledger.moment(p_clock), clock_timestamp()
    )
    on conflict (program_id) do nothing;
  else
    -- What defines the program's money is not among what is set.
    update ledger.program
    set
      version = p_expected + 1, display_name = p_display_name, floor_minor = p_floor_minor,
      policy = p_policy::jsonb, clock_at = ledger.moment(p_clock), updated_at = clock_timestamp()
    where program_id = p_program_id and version = p_expected;
  end if;
  if not found then
    return false;
  end if;
  insert into ledger.program_history (program_id, version, document, actor, reason, at)
  select p.program_id, p.version, to_jsonb(p), p_actor, p_reason, p.updated_at
  from ledger.program as p
  where p.program_id = p_program_id;
  return true;
end
$$;

CREATE FUNCTION ledger.seq_at(p_wallet_id uuid, p_at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_low bigint := 0;
  v_high bigint;
  v_middle bigint;
begin
  select coalesce(max(e.seq), 0) into v_high from ledger.entry as e where e.wallet_id = p_wallet_id;
  while v_low < v_high loop
    v_middle := (v_low + v_high + 1) / 2;
    if exists (
      select from ledger.entry as e where e.wallet_id = p_wallet_id and e.seq = v_middle and e.at <= p_at
    ) then
      v_low := v_middle;
    else
      v_high := v_middle - 1;
    end if;
  end loop;
  return v_low;
end
$$;

CREATE FUNCTION ledger.write_records(p_lost uuid[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
declare
  v_rows bigint;
begin
  insert into ledger.credit as c (
    wallet_id, credit_id, amount, pending, frozen, frozen_from_pending, clawed_back, reference, expires_at,
    created_at, document
  )
  select
    n.wallet_id, n.credit_id, n.amount, n.pending, n.frozen, n.frozen_from_pending, n.clawed_back, n.reference,
    ledger.moment(n.expires), ledger.moment(n.created), n.document::json
  from unnest(p_credits) as n
  where p_lost is null or n.wallet_id <> all (p_lost)
  on conflict (wallet_id, credit_id) do update
  set
    pending = excluded.pending, frozen = excluded.frozen, frozen_from_pending = excluded.frozen_from_pending,
    clawed_back = excluded.clawed_back, document = excluded.document
  where c.amount = excluded.amount and c.clawed_back <= excluded.clawed_back;
  get diagnostics v_rows = row_count;
  if v_rows <> (select count(*) from unnest(p_credits) as n where p_lost is null or n.wallet_id <> all (p_lost)) then
    raise exception 'what is final of a credit would change' using errcode = 'WL001';
  end if;

  insert into ledger.operation (wallet_id, operation_id, kind, content, actor, reason, at, document)
  select
    n.wallet_id, n.operation_id, n.kind, n.content, n.actor, n.reason, ledger.moment(n.at), n.document::json
  from unnest(p_operations) as n
  where p_lost is null or n.wallet_id <> all (p_lost);
end
$$;

CREATE FUNCTION reconciliation.unfinished_sessions(p_milliseconds bigint) RETURNS TABLE(pid integer, application_name text, what text, milliseconds bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
select s.pid, s.application_name, s.what, s.milliseconds
from (
  select
    a.pid, a.application_name,
    case
      when w.waitstart is not null then 'waiting'
      when a.state is null then 'hidden'
      when a.state like 'idle in transaction%' then 'idle'
    end as what,
    (extract(epoch from clock_timestamp() - coalesce(w.waitstart, a.state_change)) * 1000)::bigint as milliseconds
  from pg_catalog.pg_stat_activity as a
  left join (
    select l.pid, min(l.waitstart) as waitstart from pg_catalog.pg_locks as l where not l.granted group by l.pid
  ) as w on w.pid = a.pid
  where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
) as s
where s.what = 'hidden' or (s.what is not null and s.milliseconds >= p_milliseconds)
$$;

CREATE FUNCTION review.open_cases(p_cases json) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION review.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if not exists (select from ledger.program as p where p.program_id = p_program_id) then
    return null;
  end if;
  if p_before <> (select coalesce(max(x.version), 0) from review.policy as x where x.program_id = p_program_id) then
    return null;
  end if;
  insert into review.policy (program_id, version, document, actor, reason, at)
  values (p_program_id, p_before + 1, p_document::json, p_actor, p_reason, clock_timestamp())
  on conflict (program_id, version) do nothing;
  return case when found then p_before + 1 end;
end
$$;

CREATE FUNCTION review.record(p_case json, p_expected bigint, p_act json, p_label text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION rules.note_change(p_program_id text, p_kind text, p_name text, p_revision bigint, p_document text, p_actor text, p_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into rules.state as s (program_id, revision) values (p_program_id, 1)
  on conflict (program_id) do update set revision = s.revision + 1;
  insert into rules.change (program_id, kind, name, revision, document, actor, reason, at)
  values (p_program_id, p_kind, p_name, p_revision, p_document, p_actor, p_reason, clock_timestamp());
end
$$;

CREATE FUNCTION rules.publish(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_newest bigint;
begin
  select coalesce(max(r.version), 0) into v_newest from rules.ruleset as r where r.program_id = p_program_id;
  if v_newest = p_expected then
    insert into rules.ruleset (
      program_id, version, document, origin, effective_at, published_at, actor, reason
    ) values (
      p_program_id, p_expected + 1, p_document, p_origin, coalesce(ledger.moment(p_effective), clock_timestamp()),
      clock_timestamp(), p_actor, p_reason
    )
    on conflict (program_id, version) do nothing;
    if found then
      perform rules.note_change(
        p_program_id, 'ruleset', 'ruleset', p_expected + 1, p_document, p_actor, p_reason
      );
      return p_expected + 1;
    end if;
  end if;
  return (
    select r.version from rules.ruleset as r
    where
      r.program_id = p_program_id and r.version = p_expected + 1 and r.document = p_document
      and r.origin = p_origin and (p_effective is null or r.effective_at = ledger.moment(p_effective))
  );
end
$$;

CREATE FUNCTION rules.publish_v2(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_maker text, p_subject text, p_second_person boolean, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_newest bigint;
begin
  select coalesce(max(r.version), 0) into v_newest from rules.ruleset as r where r.program_id = p_program_id;
  if v_newest = p_expected then
    insert into rules.ruleset (
      program_id, version, document, origin, effective_at, published_at, maker, subject, second_person, actor, reason
    ) values (
      p_program_id, p_expected + 1, p_document, p_origin, coalesce(ledger.moment(p_effective), clock_timestamp()),
      clock_timestamp(), p_maker, p_subject, p_second_person, p_actor, p_reason
    )
    on conflict (program_id, version) do nothing;
    if found then
      perform rules.note_change(
        p_program_id, 'ruleset', 'ruleset', p_expected + 1, p_document, p_actor, p_reason
      );
      return p_expected + 1;
    end if;
  end if;
  return (
    select r.version from rules.ruleset as r
    where
      r.program_id = p_program_id and r.version = p_expected + 1 and r.document = p_document
      and r.origin = p_origin and (p_effective is null or r.effective_at = ledger.moment(p_effective))
  );
end
$$;

CREATE FUNCTION rules.put_campaign(p_program_id text, p_campaign_id text, p_document text, p_budget bigint, p_funding_account text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_revision bigint;
begin
  insert into rules.campaign as c (
    program_id, campaign_id, revision, document, budget, funding_account, updated_at
  ) values (p_program_id, p_campaign_id, 1, p_document, p_budget, p_funding_account, clock_timestamp())
  on conflict (program_id, campaign_id) do update
  set
    revision = c.revision + 1, document = excluded.document, budget = excluded.budget,
    funding_account = excluded.funding_account, updated_at = excluded.updated_at
  where c.document <> excluded.document
  returning c.revision into v_revision;
  if v_revision is null then
    return (
      select c.revision from rules.campaign as c
      where c.program_id = p_program_id and c.campaign_id = p_campaign_id
    );
  end if;
  perform rules.note_change(p_program_id, 'campaign', p_campaign_id, v_revision, p_document, p_actor, p_reason);
  return v_revision;
end
$$;

CREATE FUNCTION rules.put_customers(p_program_id text, p_refs text[], p_attributes text[], p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_written bigint;
  v_forgotten bigint;
begin
  insert into rules.customer as c (program_id, customer_ref, attributes, actor, reason, updated_at)
  select p_program_id, n.customer_ref, n.attributes, p_actor, p_reason, clock_timestamp()
  from unnest(p_refs, p_attributes) as n (customer_ref, attributes)
  where n.attributes <> '{}'
  order by n.customer_ref
  on conflict (program_id, customer_ref) do update
  set attributes = excluded.attributes, actor = excluded.actor, reason = excluded.reason, updated_at = excluded.updated_at
  where c.attributes <> excluded.attributes;
  get diagnostics v_written = row_count;
  delete from rules.customer as c
  where
    c.program_id = p_program_id
    and c.customer_ref in (
      select n.customer_ref from unnest(p_refs, p_attributes) as n (customer_ref, attributes)
      where n.attributes = '{}'
    );
  get diagnostics v_forgotten = row_count;
  return v_written + v_forgotten;
end
$$;

CREATE FUNCTION rules.put_draft(p_program_id text, p_name text, p_expected bigint, p_document text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_draft rules.draft;
  v_revision bigint;
begin
  select * into v_draft from rules.draft as d
  where d.program_id = p_program_id and d.name = p_name
  for update;
  if v_draft.document = p_document then
    return v_draft.revision;
  end if;
  if p_expected <> coalesce(v_draft.revision, 0) then
    return null;
  end if;
  insert into rules.draft as d (program_id, name, revision, document, updated_at)
  values (p_program_id, p_name, 1, p_document, clock_timestamp())
  on conflict (program_id, name) do update
  set revision = d.revision + 1, document = excluded.document, updated_at = excluded.updated_at
  returning d.revision into v_revision;
  perform rules.note_change(p_program_id, 'draft', p_name, v_revision, p_document, p_actor, p_reason);
  return v_revision;
end
$$;

CREATE FUNCTION rules.put_draft_v2(p_program_id text, p_name text, p_expected bigint, p_document text, p_subject text, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_before rules.draft;
  v_revision bigint;
begin
  select * into v_before from rules.draft as d
  where d.program_id = p_program_id and d.name = p_name
  for update;
  v_revision := rules.put_draft(p_program_id, p_name, p_expected, p_document, p_actor, p_reason);
  if v_before.document is distinct from p_document or v_before.subject = '' then
    update rules.draft as d set subject = p_subject
    where d.program_id = p_program_id and d.name = p_name and d.document = p_document;
  end if;
  return v_revision;
end
$$;

CREATE FUNCTION rules.put_policy(p_program_id text, p_second_person boolean, p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_revision bigint;
begin
  insert into rules.policy as p (program_id, revision, second_person)
  values (p_program_id, 1, p_second_person)
  on conflict (program_id) do update
  set revision = p.revision + 1, second_person = excluded.second_person
  where p.second_person <> excluded.second_person
  returning p.revision into v_revision;
  if v_revision is null then
    return (select p.revision from rules.policy as p where p.program_id = p_program_id);
  end if;
  perform rules.note_change(
    p_program_id, 'policy', 'policy', v_revision, format('second person: %s', p_second_person), p_actor, p_reason
  );
  return v_revision;
end
$$;

CREATE FUNCTION rules.put_segment(p_program_id text, p_segment_id text, p_title text, p_add text[], p_remove text[], p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_revision bigint;
begin
  insert into rules.segment as s (program_id, segment_id, revision, title, updated_at)
  values (p_program_id, p_segment_id, 1, p_title, clock_timestamp())
  on conflict (program_id, segment_id) do update
  set revision = s.revision + 1, title = excluded.title, updated_at = excluded.updated_at
  returning s.revision into v_revision;
  insert into rules.segment_member (program_id, customer_ref, segment_id)
  select p_program_id, c.customer_ref, p_segment_id
  from unnest(p_add) as c (customer_ref)
  on conflict do nothing;
  delete from rules.segment_member as m
  where m.program_id = p_program_id and m.segment_id = p_segment_id and m.customer_ref = any(p_remove);
  perform rules.note_change(
    p_program_id, 'segment', p_segment_id, v_revision,
    format('%s; %s added, %s removed', p_title, cardinality(p_add), cardinality(p_remove)), p_actor, p_reason
  );
  return v_revision;
end
$$;

CREATE FUNCTION rules.put_segment_v2(p_program_id text, p_segment_id text, p_title text, p_rule text, p_add text[], p_remove text[], p_actor text, p_reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_new boolean;
  v_changed boolean;
  v_added bigint;
  v_removed bigint;
  v_segment rules.segment;
begin
  insert into rules.segment (program_id, segment_id, revision, title, rule, updated_at)
  values (p_program_id, p_segment_id, 1, coalesce(p_title, ''), coalesce(p_rule, ''), clock_timestamp())
  on conflict (program_id, segment_id) do nothing;
  v_new := found;
  select * into v_segment from rules.segment as s
  where s.program_id = p_program_id and s.segment_id = p_segment_id
  for update;
  v_changed := (p_title is not null and p_title <> v_segment.title)
    or (p_rule is not null and p_rule <> v_segment.rule);
  insert into rules.segment_member (program_id, customer_ref, segment_id)
  select p_program_id, c.customer_ref, p_segment_id
  from unnest(p_add) as c (customer_ref)
  where c.customer_ref <> all (p_remove)
  order by c.customer_ref
  on conflict do nothing;
  get diagnostics v_added = row_count;
  delete from rules.segment_member as m
  where m.program_id = p_program_id and m.segment_id = p_segment_id and m.customer_ref = any(p_remove);
  get diagnostics v_removed = row_count;
  if not v_new and not v_changed and v_added = 0 and v_removed = 0 then
    return v_segment.revision;
  end if;
  if not v_new then
    update rules.segment as s
    set
      revision = s.revision + 1, title = coalesce(p_title, s.title), rule = coalesce(p_rule, s.rule),
      updated_at = clock_timestamp()
    where s.program_id = p_program_id and s.segment_id = p_segment_id
    returning s.* into v_segment;
  end if;
  perform rules.note_change(
    p_program_id, 'segment', p_segment_id, v_segment.revision,
    format('%s %s; %s added, %s removed', v_segment.title, v_segment.rule, v_added, v_removed), p_actor, p_reason
  );
  return v_segment.revision;
end
$$;

CREATE TABLE earning.budget (
    program_id text NOT NULL,
    cap_key text NOT NULL,
    limit_minor bigint NOT NULL,
    taken bigint NOT NULL,
    refilled bigint DEFAULT 0 NOT NULL,
    CONSTRAINT budget_check CHECK ((taken <= limit_minor)),
    CONSTRAINT budget_refilled_check CHECK ((refilled >= 0)),
    CONSTRAINT budget_taken_check CHECK ((taken >= 0))
);

CREATE TABLE earning.budget_slice (
    slice_id uuid NOT NULL,
    program_id text NOT NULL,
    cap_key text NOT NULL,
    granted bigint NOT NULL,
    used bigint DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone NOT NULL,
    open boolean DEFAULT true NOT NULL,
    CONSTRAINT budget_slice_check CHECK (((used >= 0) AND (used <= granted))),
    CONSTRAINT budget_slice_granted_check CHECK ((granted >= 0))
)
WITH (fillfactor='60');

CREATE TABLE earning.cap_use (
    wallet_id uuid NOT NULL,
    cap_key text NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT cap_use_used_check CHECK ((used >= 0))
)
WITH (fillfactor='80');

CREATE TABLE earning.event (
    wallet_id uuid NOT NULL,
    event_id uuid NOT NULL,
    program_id text NOT NULL,
    kind smallint NOT NULL,
    state smallint DEFAULT 1 NOT NULL,
    source text NOT NULL,
    source_event_id text NOT NULL,
    order_ref text NOT NULL,
    value_minor bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    amount bigint DEFAULT 0 NOT NULL,
    clawed_back bigint DEFAULT 0 NOT NULL,
    debt bigint DEFAULT 0 NOT NULL,
    digest bytea NOT NULL,
    content json NOT NULL,
    result json NOT NULL,
    in_review boolean GENERATED ALWAYS AS ((state = 2)) STORED NOT NULL,
    CONSTRAINT event_amount_check CHECK ((amount >= 0)),
    CONSTRAINT event_check CHECK (((clawed_back >= 0) AND (clawed_back <= amount))),
    CONSTRAINT event_check1 CHECK (((debt >= 0) AND (debt <= amount))),
    CONSTRAINT event_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT event_kind_check CHECK (((kind >= 1) AND (kind <= 8))),
    CONSTRAINT event_state_check CHECK (((state >= 1) AND (state <= 9))),
    CONSTRAINT event_value_minor_check CHECK ((value_minor >= 0))
)
WITH (fillfactor='50');

CREATE TABLE earning.event_key (
    program_id text NOT NULL,
    event_id uuid NOT NULL,
    wallet_id uuid NOT NULL
);

CREATE TABLE earning.expiry_warning (
    wallet_id uuid NOT NULL,
    warning_id uuid NOT NULL,
    program_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    before_seconds bigint NOT NULL,
    amount bigint NOT NULL,
    inactivity boolean NOT NULL,
    warned_at timestamp with time zone NOT NULL,
    CONSTRAINT expiry_warning_amount_check CHECK ((amount > 0)),
    CONSTRAINT expiry_warning_before_seconds_check CHECK ((before_seconds > 0))
);

CREATE TABLE earning.lookout (
    one boolean DEFAULT true NOT NULL,
    after_wallet uuid NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    leased_until timestamp with time zone NOT NULL,
    lease uuid,
    CONSTRAINT lookout_one_check CHECK (one)
);

CREATE TABLE earning.order_key (
    program_id text NOT NULL,
    order_ref text NOT NULL,
    wallet_id uuid NOT NULL,
    CONSTRAINT order_key_order_ref_check CHECK ((order_ref <> ''::text))
);

CREATE TABLE earning.policy (
    program_id text NOT NULL,
    version bigint NOT NULL,
    document json NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE earning.queue (
    wallet_id uuid NOT NULL,
    program_id text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    leased_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    lease uuid
)
WITH (fillfactor='60');

CREATE TABLE earning.retry (
    wallet_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    event_id uuid NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT retry_actor_check CHECK ((actor <> ''::text)),
    CONSTRAINT retry_reason_check CHECK ((reason <> ''::text))
);

CREATE TABLE fraud.device (
    program_id text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    CONSTRAINT device_check CHECK ((first_seen <= last_seen)),
    CONSTRAINT device_kind_check CHECK ((kind = ANY (ARRAY['device'::text, 'address'::text, 'payment'::text, 'referrer'::text])))
)
WITH (fillfactor='80');

CREATE TABLE fraud.judgement (
    wallet_id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    program_id text NOT NULL,
    verdict text NOT NULL,
    shadow_verdict text NOT NULL,
    reasons jsonb NOT NULL,
    signals jsonb NOT NULL,
    policy_version bigint NOT NULL,
    amount_minor bigint NOT NULL,
    judged_at timestamp with time zone NOT NULL,
    CONSTRAINT judgement_amount_minor_check CHECK ((amount_minor >= 0)),
    CONSTRAINT judgement_shadow_verdict_check CHECK ((shadow_verdict = ANY (ARRAY['ALLOW'::text, 'REVIEW'::text, 'REFUSE'::text]))),
    CONSTRAINT judgement_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['reservation'::text, 'event'::text, 'ring'::text]))),
    CONSTRAINT judgement_verdict_check CHECK ((verdict = ANY (ARRAY['ALLOW'::text, 'REVIEW'::text, 'REFUSE'::text])))
);

CREATE TABLE fraud.link (
    wallet_id uuid NOT NULL,
    kind smallint NOT NULL,
    key bytea NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    joined boolean DEFAULT false NOT NULL,
    program_id text DEFAULT ''::text NOT NULL,
    CONSTRAINT link_check CHECK ((first_seen <= last_seen)),
    CONSTRAINT link_key_check CHECK (((octet_length(key) >= 16) AND (octet_length(key) <= 32))),
    CONSTRAINT link_kind_check CHECK (((kind >= 1) AND (kind <= 4)))
)
WITH (fillfactor='80');

CREATE TABLE fraud.link_key (
    kind smallint NOT NULL,
    key bytea NOT NULL,
    degree integer NOT NULL,
    hub boolean DEFAULT false NOT NULL,
    wallet_id uuid,
    CONSTRAINT link_key_degree_check CHECK ((degree >= 0))
)
WITH (fillfactor='70');

CREATE TABLE fraud.model (
    version bigint NOT NULL,
    parent bigint NOT NULL,
    origin text NOT NULL,
    document bytea NOT NULL,
    metrics jsonb NOT NULL,
    trained_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT model_origin_check CHECK ((origin = ANY (ARRAY['train'::text, 'stream'::text]))),
    CONSTRAINT model_version_check CHECK ((version > 0))
);

CREATE TABLE fraud.model_publication (
    revision bigint NOT NULL,
    version bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT model_publication_revision_check CHECK ((revision > 0))
);

CREATE TABLE fraud.policy (
    program_id text NOT NULL,
    version bigint NOT NULL,
    document text NOT NULL,
    origin text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT policy_version_check CHECK ((version > 0))
);

CREATE TABLE fraud.ring (
    ring_id uuid NOT NULL,
    wallets integer NOT NULL,
    stale boolean DEFAULT false NOT NULL,
    merged_into uuid,
    changed_at timestamp with time zone NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    judged_revision bigint DEFAULT 0 NOT NULL,
    suspicion smallint DEFAULT 0 NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    anchor_id uuid,
    program_id text DEFAULT ''::text NOT NULL,
    judged_by text DEFAULT ''::text NOT NULL,
    CONSTRAINT ring_suspicion_check CHECK (((suspicion >= 0) AND (suspicion <= 100))),
    CONSTRAINT ring_wallets_check CHECK ((wallets >= 0))
)
WITH (fillfactor='70');

CREATE TABLE fraud.ring_member (
    wallet_id uuid NOT NULL,
    ring_id uuid NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE fraud.ring_turn (
    turn smallint NOT NULL,
    CONSTRAINT ring_turn_turn_check CHECK ((turn = 1))
);

CREATE TABLE fraud.wallet_device (
    wallet_id uuid NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    program_id text NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    CONSTRAINT wallet_device_check CHECK ((first_seen <= last_seen)),
    CONSTRAINT wallet_device_kind_check CHECK ((kind = ANY (ARRAY['device'::text, 'address'::text, 'payment'::text, 'referrer'::text])))
)
WITH (fillfactor='80');

CREATE TABLE ledger.credit (
    wallet_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    amount bigint NOT NULL,
    pending bigint NOT NULL,
    frozen bigint NOT NULL,
    frozen_from_pending bigint NOT NULL,
    clawed_back bigint NOT NULL,
    reference text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    document json NOT NULL,
    CONSTRAINT credit_amount_check CHECK ((amount > 0)),
    CONSTRAINT credit_check CHECK (((frozen_from_pending >= 0) AND (frozen_from_pending <= frozen))),
    CONSTRAINT credit_check1 CHECK (((clawed_back >= 0) AND (clawed_back <= amount))),
    CONSTRAINT credit_check2 CHECK ((((pending + frozen) + clawed_back) <= amount)),
    CONSTRAINT credit_frozen_check CHECK ((frozen >= 0)),
    CONSTRAINT credit_pending_check CHECK ((pending >= 0))
)
WITH (fillfactor='80');

CREATE TABLE ledger.entry (
    wallet_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind smallint NOT NULL,
    source smallint NOT NULL,
    target smallint NOT NULL,
    amount bigint NOT NULL,
    pending_after bigint NOT NULL,
    available_after bigint NOT NULL,
    reserved_after bigint NOT NULL,
    frozen_after bigint NOT NULL,
    subject_id uuid NOT NULL,
    act_id uuid,
    lots json NOT NULL,
    detail text,
    at timestamp with time zone NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT entry_amount_check CHECK ((amount > 0)),
    CONSTRAINT entry_check CHECK ((source <> target)),
    CONSTRAINT entry_frozen_after_check CHECK ((frozen_after >= 0)),
    CONSTRAINT entry_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT entry_kind_check CHECK (((kind >= 1) AND (kind <= 12))),
    CONSTRAINT entry_pending_after_check CHECK ((pending_after >= 0)),
    CONSTRAINT entry_reserved_after_check CHECK ((reserved_after >= 0)),
    CONSTRAINT entry_seq_check CHECK ((seq > 0)),
    CONSTRAINT entry_source_check CHECK (((source >= 1) AND (source <= 9))),
    CONSTRAINT entry_target_check CHECK (((target >= 1) AND (target <= 9)))
);

CREATE TABLE ledger.operation (
    wallet_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    kind text NOT NULL,
    content text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    document json NOT NULL
);

CREATE TABLE ledger.program (
    program_id text NOT NULL,
    version bigint NOT NULL,
    display_name text NOT NULL,
    sandbox boolean NOT NULL,
    asset text NOT NULL,
    exponent smallint NOT NULL,
    currency text NOT NULL,
    rate_numerator bigint NOT NULL,
    rate_denominator bigint NOT NULL,
    floor_minor bigint NOT NULL,
    policy jsonb NOT NULL,
    clock_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT program_check CHECK (((clock_at IS NULL) OR sandbox)),
    CONSTRAINT program_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT program_exponent_check CHECK (((exponent >= 0) AND (exponent <= 8))),
    CONSTRAINT program_floor_minor_check CHECK ((floor_minor <= 0)),
    CONSTRAINT program_rate_denominator_check CHECK ((rate_denominator > 0)),
    CONSTRAINT program_rate_numerator_check CHECK ((rate_numerator > 0))
);

CREATE TABLE ledger.program_history (
    program_id text NOT NULL,
    version bigint NOT NULL,
    document jsonb NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE ledger.reservation (
    wallet_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    state smallint NOT NULL,
    amount bigint NOT NULL,
    committed bigint NOT NULL,
    restored bigint DEFAULT 0 NOT NULL,
    order_ref text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone NOT NULL,
    document json NOT NULL,
    CONSTRAINT reservation_amount_check CHECK ((amount > 0)),
    CONSTRAINT reservation_check CHECK (((committed >= 0) AND (committed <= amount))),
    CONSTRAINT reservation_check1 CHECK (((restored >= 0) AND (restored <= committed))),
    CONSTRAINT reservation_check2 CHECK (((state <> 2) OR (committed > 0))),
    CONSTRAINT reservation_check3 CHECK (((state <> 5) OR (committed = 0))),
    CONSTRAINT reservation_state_check CHECK (((state >= 2) AND (state <= 5)))
);

CREATE TABLE ledger.wallet (
    wallet_id uuid NOT NULL,
    program_id text NOT NULL,
    customer_ref text NOT NULL,
    state smallint DEFAULT 1 NOT NULL,
    pending bigint DEFAULT 0 NOT NULL,
    available bigint DEFAULT 0 NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    frozen bigint DEFAULT 0 NOT NULL,
    floor_minor bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    head bytea NOT NULL,
    document json NOT NULL,
    due_at timestamp with time zone DEFAULT '9999-12-31 23:59:59+00'::timestamp with time zone NOT NULL,
    CONSTRAINT wallet_check CHECK ((available >= floor_minor)),
    CONSTRAINT wallet_floor_minor_check CHECK ((floor_minor <= 0)),
    CONSTRAINT wallet_frozen_check CHECK ((frozen >= 0)),
    CONSTRAINT wallet_head_check CHECK ((octet_length(head) = 32)),
    CONSTRAINT wallet_pending_check CHECK ((pending >= 0)),
    CONSTRAINT wallet_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT wallet_state_check CHECK (((state >= 1) AND (state <= 3))),
    CONSTRAINT wallet_version_check CHECK ((version >= 0))
)
WITH (fillfactor='60');

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

CREATE TABLE public.schema_state (
    only_row boolean DEFAULT true NOT NULL,
    fingerprint text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schema_state_only_row_check CHECK (only_row)
);

CREATE TABLE review.case_act (
    wallet_id uuid NOT NULL,
    case_id uuid NOT NULL,
    seq bigint NOT NULL,
    act_id uuid NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    before json NOT NULL,
    after json NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT case_act_actor_check CHECK ((actor <> ''::text)),
    CONSTRAINT case_act_seq_check CHECK ((seq > 0))
);

CREATE TABLE review.case_file (
    wallet_id uuid NOT NULL,
    case_id uuid NOT NULL,
    program_id text NOT NULL,
    customer_ref text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    state smallint NOT NULL,
    escalated boolean DEFAULT false NOT NULL,
    priority integer NOT NULL,
    amount_minor bigint NOT NULL,
    reasons jsonb NOT NULL,
    evidence json NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    assigned_to text DEFAULT ''::text NOT NULL,
    leased_until timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    escalated_by text DEFAULT ''::text NOT NULL,
    approvals jsonb DEFAULT '[]'::jsonb NOT NULL,
    operation_id uuid,
    decided_by text DEFAULT ''::text NOT NULL,
    decided_at timestamp with time zone,
    reason text DEFAULT ''::text NOT NULL,
    approved_ttl_seconds integer DEFAULT 0 NOT NULL,
    applied boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    assigned_senior boolean DEFAULT false NOT NULL,
    CONSTRAINT case_file_amount_minor_check CHECK ((amount_minor >= 0)),
    CONSTRAINT case_file_check CHECK (((state <= 3) OR (decided_at IS NOT NULL))),
    CONSTRAINT case_file_check1 CHECK (((state = ANY (ARRAY[4, 5, 6])) OR applied)),
    CONSTRAINT case_file_check2 CHECK ((applied OR (operation_id IS NOT NULL))),
    CONSTRAINT case_file_priority_check CHECK ((priority >= 0)),
    CONSTRAINT case_file_state_check CHECK (((state >= 1) AND (state <= 7))),
    CONSTRAINT case_file_subject_kind_check CHECK ((subject_kind = ANY (ARRAY['reservation'::text, 'event'::text, 'ring'::text])))
)
WITH (fillfactor='80');

CREATE TABLE review.label (
    wallet_id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    program_id text NOT NULL,
    label text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT label_label_check CHECK ((label = ANY (ARRAY['fraud'::text, 'honest'::text])))
);

CREATE TABLE review.policy (
    program_id text NOT NULL,
    version bigint NOT NULL,
    document json NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE rules.campaign (
    program_id text NOT NULL,
    campaign_id text NOT NULL,
    revision bigint NOT NULL,
    document text NOT NULL,
    budget bigint NOT NULL,
    funding_account text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT campaign_budget_check CHECK ((budget >= 0))
);

CREATE TABLE rules.change (
    program_id text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    revision bigint NOT NULL,
    document text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT change_kind_check CHECK ((kind = ANY (ARRAY['draft'::text, 'ruleset'::text, 'campaign'::text, 'segment'::text, 'policy'::text])))
);

CREATE TABLE rules.customer (
    program_id text NOT NULL,
    customer_ref text NOT NULL,
    attributes text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

CREATE TABLE rules.draft (
    program_id text NOT NULL,
    name text NOT NULL,
    revision bigint NOT NULL,
    document text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    subject text DEFAULT ''::text NOT NULL
);

CREATE TABLE rules.policy (
    program_id text NOT NULL,
    revision bigint NOT NULL,
    second_person boolean NOT NULL
);

CREATE TABLE rules.ruleset (
    program_id text NOT NULL,
    version bigint NOT NULL,
    document text NOT NULL,
    origin text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    maker text DEFAULT ''::text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    second_person boolean DEFAULT false NOT NULL,
    CONSTRAINT ruleset_made_by_two CHECK (((NOT second_person) OR ((maker <> ''::text) AND (maker <> subject)))),
    CONSTRAINT ruleset_version_check CHECK ((version > 0))
);

CREATE TABLE rules.segment (
    program_id text NOT NULL,
    segment_id text NOT NULL,
    revision bigint NOT NULL,
    title text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    rule text DEFAULT ''::text NOT NULL
);

CREATE TABLE rules.segment_member (
    program_id text NOT NULL,
    customer_ref text NOT NULL,
    segment_id text NOT NULL
);

CREATE TABLE rules.state (
    program_id text NOT NULL,
    revision bigint NOT NULL
);

ALTER TABLE ONLY earning.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (program_id, cap_key);

ALTER TABLE ONLY earning.budget_slice
    ADD CONSTRAINT budget_slice_pkey PRIMARY KEY (slice_id);

ALTER TABLE ONLY earning.cap_use
    ADD CONSTRAINT cap_use_pkey PRIMARY KEY (wallet_id, cap_key);

ALTER TABLE ONLY earning.event_key
    ADD CONSTRAINT event_key_pkey PRIMARY KEY (program_id, event_id);

ALTER TABLE ONLY earning.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (wallet_id, event_id);

ALTER TABLE ONLY earning.expiry_warning
    ADD CONSTRAINT expiry_warning_pkey PRIMARY KEY (wallet_id, warning_id);

ALTER TABLE ONLY earning.lookout
    ADD CONSTRAINT lookout_pkey PRIMARY KEY (one);

ALTER TABLE ONLY earning.order_key
    ADD CONSTRAINT order_key_pkey PRIMARY KEY (program_id, order_ref);

ALTER TABLE ONLY earning.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (program_id, version);

ALTER TABLE ONLY earning.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (wallet_id);

ALTER TABLE ONLY earning.retry
    ADD CONSTRAINT retry_pkey PRIMARY KEY (wallet_id, retry_id);

ALTER TABLE ONLY fraud.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (program_id, kind, key);

ALTER TABLE ONLY fraud.judgement
    ADD CONSTRAINT judgement_pkey PRIMARY KEY (wallet_id, subject_kind, subject_id);

ALTER TABLE ONLY fraud.link_key
    ADD CONSTRAINT link_key_pkey PRIMARY KEY (kind, key);

ALTER TABLE ONLY fraud.link
    ADD CONSTRAINT link_pkey PRIMARY KEY (wallet_id, kind, key);

ALTER TABLE ONLY fraud.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (version);

ALTER TABLE ONLY fraud.model_publication
    ADD CONSTRAINT model_publication_pkey PRIMARY KEY (revision);

ALTER TABLE ONLY fraud.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (program_id, version);

ALTER TABLE ONLY fraud.ring_member
    ADD CONSTRAINT ring_member_pkey PRIMARY KEY (wallet_id);

ALTER TABLE ONLY fraud.ring
    ADD CONSTRAINT ring_pkey PRIMARY KEY (ring_id);

ALTER TABLE ONLY fraud.ring_turn
    ADD CONSTRAINT ring_turn_pkey PRIMARY KEY (turn);

ALTER TABLE ONLY fraud.wallet_device
    ADD CONSTRAINT wallet_device_pkey PRIMARY KEY (wallet_id, kind, key);

ALTER TABLE ONLY ledger.credit
    ADD CONSTRAINT credit_pkey PRIMARY KEY (wallet_id, credit_id);

ALTER TABLE ONLY ledger.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (wallet_id, seq);

ALTER TABLE ONLY ledger.operation
    ADD CONSTRAINT operation_pkey PRIMARY KEY (wallet_id, operation_id);

ALTER TABLE ONLY ledger.program_history
    ADD CONSTRAINT program_history_pkey PRIMARY KEY (program_id, version);

ALTER TABLE ONLY ledger.program
    ADD CONSTRAINT program_pkey PRIMARY KEY (program_id);

ALTER TABLE ONLY ledger.reservation
    ADD CONSTRAINT reservation_pkey PRIMARY KEY (wallet_id, reservation_id);

ALTER TABLE ONLY ledger.wallet
    ADD CONSTRAINT wallet_pkey PRIMARY KEY (wallet_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.schema_state
    ADD CONSTRAINT schema_state_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY review.case_act
    ADD CONSTRAINT case_act_pkey PRIMARY KEY (wallet_id, case_id, seq);

ALTER TABLE ONLY review.case_file
    ADD CONSTRAINT case_file_pkey PRIMARY KEY (wallet_id, case_id);

ALTER TABLE ONLY review.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (wallet_id, subject_kind, subject_id);

ALTER TABLE ONLY review.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (program_id, version);

ALTER TABLE ONLY rules.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (program_id, campaign_id);

ALTER TABLE ONLY rules.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (program_id, kind, name, revision);

ALTER TABLE ONLY rules.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (program_id, customer_ref);

ALTER TABLE ONLY rules.draft
    ADD CONSTRAINT draft_pkey PRIMARY KEY (program_id, name);

ALTER TABLE ONLY rules.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (program_id);

ALTER TABLE ONLY rules.ruleset
    ADD CONSTRAINT ruleset_pkey PRIMARY KEY (program_id, version);

ALTER TABLE ONLY rules.segment_member
    ADD CONSTRAINT segment_member_pkey PRIMARY KEY (program_id, customer_ref, segment_id);

ALTER TABLE ONLY rules.segment
    ADD CONSTRAINT segment_pkey PRIMARY KEY (program_id, segment_id);

ALTER TABLE ONLY rules.state
    ADD CONSTRAINT state_pkey PRIMARY KEY (program_id);

CREATE INDEX budget_slice_open ON earning.budget_slice USING btree (program_id, cap_key) WHERE open;

CREATE INDEX event_debt ON earning.event USING btree (wallet_id) WHERE (debt > 0);

CREATE INDEX event_due ON earning.event USING btree (wallet_id, due_at) WHERE (due_at < '9999-01-01 00:00:00+00'::timestamp with time zone);

CREATE INDEX event_in_review ON earning.event USING btree (wallet_id) WHERE in_review;

CREATE INDEX event_occurred ON earning.event USING btree (program_id, occurred_at, event_id, wallet_id) WHERE (kind <> 8);

CREATE INDEX event_order ON earning.event USING btree (wallet_id, order_ref) WHERE (order_ref <> ''::text);

CREATE INDEX event_received ON earning.event USING btree (wallet_id, received_at);

CREATE INDEX expiry_warning_written ON earning.expiry_warning USING btree (program_id, warned_at, warning_id);

CREATE INDEX queue_due ON earning.queue USING btree (program_id, due_at);

CREATE INDEX device_last_seen ON fraud.device USING btree (program_id, last_seen);

CREATE INDEX judgement_judged ON fraud.judgement USING btree (program_id, judged_at);

CREATE INDEX judgement_review ON fraud.judgement USING btree (judged_at) WHERE (verdict = 'REVIEW'::text);

CREATE INDEX link_last_seen ON fraud.link USING btree (last_seen);

CREATE INDEX link_program_seen ON fraud.link USING btree (program_id, last_seen);

CREATE INDEX link_waiting ON fraud.link USING btree (wallet_id) WHERE (NOT joined);

CREATE INDEX ring_judged_by ON fraud.ring USING btree (program_id, judged_by) WHERE (wallets > 0);

CREATE INDEX ring_member_ring ON fraud.ring_member USING btree (ring_id);

CREATE INDEX ring_stale ON fraud.ring USING btree (ring_id) WHERE stale;

CREATE INDEX ring_unjudged ON fraud.ring USING btree (changed_at) WHERE (judged_revision < revision);

CREATE INDEX wallet_device_by_key ON fraud.wallet_device USING btree (program_id, kind, key, last_seen);

CREATE INDEX wallet_device_last_seen ON fraud.wallet_device USING btree (program_id, last_seen);

CREATE INDEX wallet_due ON ledger.wallet USING btree (program_id, due_at) WHERE (due_at < '9999-01-01 00:00:00+00'::timestamp with time zone);

CREATE INDEX case_act_id ON review.case_act USING btree (wallet_id, case_id, act_id);

CREATE INDEX case_file_due ON review.case_file USING btree (program_id, due_at) WHERE (state <= 3);

CREATE INDEX case_file_id ON review.case_file USING btree (case_id);

CREATE INDEX case_file_open ON review.case_file USING btree (priority DESC, opened_at, case_id) WHERE (state <= 3);

CREATE INDEX case_file_opened ON review.case_file USING btree (program_id, opened_at);

CREATE INDEX case_file_priority ON review.case_file USING btree (priority DESC, opened_at, case_id);

CREATE INDEX case_file_subject ON review.case_file USING btree (wallet_id, subject_kind, subject_id);

CREATE INDEX case_file_unapplied ON review.case_file USING btree (case_id) WHERE (NOT applied);

CREATE INDEX label_at ON review.label USING btree (at);

CREATE INDEX segment_member_by_segment ON rules.segment_member USING btree (program_id, segment_id, customer_ref);

ALTER TABLE ONLY fraud.policy
    ADD CONSTRAINT policy_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY ledger.program_history
    ADD CONSTRAINT program_history_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY ledger.wallet
    ADD CONSTRAINT wallet_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.campaign
    ADD CONSTRAINT campaign_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.customer
    ADD CONSTRAINT customer_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.draft
    ADD CONSTRAINT draft_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.policy
    ADD CONSTRAINT policy_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.ruleset
    ADD CONSTRAINT ruleset_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.segment
    ADD CONSTRAINT segment_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY rules.state
    ADD CONSTRAINT state_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

GRANT USAGE ON SCHEMA earning TO wallet_app;

GRANT USAGE ON SCHEMA fraud TO wallet_app;

GRANT USAGE ON SCHEMA ledger TO wallet_app;

GRANT USAGE ON SCHEMA reconciliation TO wallet_app;

GRANT USAGE ON SCHEMA review TO wallet_app;

GRANT USAGE ON SCHEMA rules TO wallet_app;

REVOKE ALL ON FUNCTION earning.accept(p_events json) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.accept(p_events json) TO wallet_app;

REVOKE ALL ON FUNCTION earning.claim(p_lease uuid, p_seconds integer, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.claim(p_lease uuid, p_seconds integer, p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION earning.claim_lookout(p_lease uuid, p_seconds integer, p_pause_seconds integer, p_share integer) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.claim_lookout(p_lease uuid, p_seconds integer, p_pause_seconds integer, p_share integer) TO wallet_app;

REVOKE ALL ON FUNCTION earning.close_slices(p_slices uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.close_slices(p_slices uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION earning.put_off(p_lease uuid, p_wallet_id uuid, p_now bigint, p_tries_max integer) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.put_off(p_lease uuid, p_wallet_id uuid, p_now bigint, p_tries_max integer) TO wallet_app;

REVOKE ALL ON FUNCTION earning.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION earning.record(p_lease uuid, p_wallets uuid[], p_events json, p_caps json, p_slices json, p_release uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.record(p_lease uuid, p_wallets uuid[], p_events json, p_caps json, p_slices json, p_release uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION earning.record_warnings(p_lease uuid, p_seconds integer, p_warnings json, p_from uuid, p_to uuid, p_keep_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.record_warnings(p_lease uuid, p_seconds integer, p_warnings json, p_from uuid, p_to uuid, p_keep_days integer) TO wallet_app;

REVOKE ALL ON FUNCTION earning.retry(p_wallet_id uuid, p_retry_id uuid, p_event_id uuid, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.retry(p_wallet_id uuid, p_retry_id uuid, p_event_id uuid, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION earning.review(p_wallet_id uuid, p_event_id uuid, p_approve boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.review(p_wallet_id uuid, p_event_id uuid, p_approve boolean) TO wallet_app;

REVOKE ALL ON FUNCTION earning.take_slice(p_slice_id uuid, p_program_id text, p_cap_key text, p_limit bigint, p_needed bigint, p_wanted bigint, p_seconds integer, p_own uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION earning.take_slice(p_slice_id uuid, p_program_id text, p_cap_key text, p_limit bigint, p_needed bigint, p_wanted bigint, p_seconds integer, p_own uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.forget_links(p_before bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.forget_links(p_before bigint, p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.forget_links_v2(p_program_id text, p_before bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.forget_links_v2(p_program_id text, p_before bigint, p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.forget_sightings(p_program_id text, p_before bigint, p_limit bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.forget_sightings(p_program_id text, p_before bigint, p_limit bigint) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.make_hubs(p_keys bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.make_hubs(p_keys bytea[]) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.note_links(p_wallets uuid[], p_kinds smallint[], p_keys bytea[], p_seen bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.note_links(p_wallets uuid[], p_kinds smallint[], p_keys bytea[], p_seen bigint[]) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.note_sightings(p_sightings json) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.note_sightings(p_sightings json) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.publish_model(p_version bigint, p_scoring bigint, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.publish_model(p_version bigint, p_scoring bigint, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.put_policy(p_program_id text, p_before bigint, p_document text, p_origin text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.put_policy(p_program_id text, p_before bigint, p_document text, p_origin text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_joins(p_links json, p_keys json, p_rings json, p_merged json, p_members json) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_joins(p_links json, p_keys json, p_rings json, p_merged json, p_members json) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_judgements(p_judgements json) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_judgements(p_judgements json) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_model(p_parent bigint, p_origin text, p_document bytea, p_metrics jsonb, p_actor text, p_reason text, p_keep integer) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_model(p_parent bigint, p_origin text, p_document bytea, p_metrics jsonb, p_actor text, p_reason text, p_keep integer) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_split(p_ring uuid, p_rings json, p_members json, p_alone uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_split(p_ring uuid, p_rings json, p_members json, p_alone uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_suspicion(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_suspicion(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.record_suspicion_v2(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid, p_program_id text, p_mark text) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.record_suspicion_v2(p_ring uuid, p_revision bigint, p_suspicion smallint, p_reasons jsonb, p_anchor uuid, p_program_id text, p_mark text) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.take_links(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.take_links(p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.take_links_v2(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.take_links_v2(p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION fraud.take_stale_ring() FROM PUBLIC;
GRANT ALL ON FUNCTION fraud.take_stale_ring() TO wallet_app;

REVOKE ALL ON FUNCTION ledger.append(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.append(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.append_with_records(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.append_with_records(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.due_wallets(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.due_wallets(p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.free_wallets(p_wallets uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.free_wallets(p_wallets uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.lock_wallets(p_wallets uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.lock_wallets(p_wallets uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.open_wallet(p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.open_wallet(p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.put_program(p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint, p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text, p_clock bigint, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.put_program(p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint, p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text, p_clock bigint, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.write_records(p_lost uuid[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION reconciliation.unfinished_sessions(p_milliseconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION reconciliation.unfinished_sessions(p_milliseconds bigint) TO wallet_app;

REVOKE ALL ON FUNCTION review.open_cases(p_cases json) FROM PUBLIC;
GRANT ALL ON FUNCTION review.open_cases(p_cases json) TO wallet_app;

REVOKE ALL ON FUNCTION review.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION review.put_policy(p_program_id text, p_before bigint, p_document text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION review.record(p_case json, p_expected bigint, p_act json, p_label text) FROM PUBLIC;
GRANT ALL ON FUNCTION review.record(p_case json, p_expected bigint, p_act json, p_label text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.note_change(p_program_id text, p_kind text, p_name text, p_revision bigint, p_document text, p_actor text, p_reason text) FROM PUBLIC;

REVOKE ALL ON FUNCTION rules.publish(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.publish(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.publish_v2(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_maker text, p_subject text, p_second_person boolean, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.publish_v2(p_program_id text, p_expected bigint, p_document text, p_origin text, p_effective bigint, p_maker text, p_subject text, p_second_person boolean, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_campaign(p_program_id text, p_campaign_id text, p_document text, p_budget bigint, p_funding_account text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_campaign(p_program_id text, p_campaign_id text, p_document text, p_budget bigint, p_funding_account text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_customers(p_program_id text, p_refs text[], p_attributes text[], p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_customers(p_program_id text, p_refs text[], p_attributes text[], p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_draft(p_program_id text, p_name text, p_expected bigint, p_document text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_draft(p_program_id text, p_name text, p_expected bigint, p_document text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_draft_v2(p_program_id text, p_name text, p_expected bigint, p_document text, p_subject text, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_draft_v2(p_program_id text, p_name text, p_expected bigint, p_document text, p_subject text, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_policy(p_program_id text, p_second_person boolean, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_policy(p_program_id text, p_second_person boolean, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_segment(p_program_id text, p_segment_id text, p_title text, p_add text[], p_remove text[], p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_segment(p_program_id text, p_segment_id text, p_title text, p_add text[], p_remove text[], p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION rules.put_segment_v2(p_program_id text, p_segment_id text, p_title text, p_rule text, p_add text[], p_remove text[], p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION rules.put_segment_v2(p_program_id text, p_segment_id text, p_title text, p_rule text, p_add text[], p_remove text[], p_actor text, p_reason text) TO wallet_app;

GRANT SELECT ON TABLE earning.budget TO wallet_app;

GRANT SELECT ON TABLE earning.budget_slice TO wallet_app;

GRANT SELECT ON TABLE earning.cap_use TO wallet_app;

GRANT SELECT ON TABLE earning.event TO wallet_app;

GRANT SELECT ON TABLE earning.event_key TO wallet_app;

GRANT SELECT ON TABLE earning.expiry_warning TO wallet_app;

GRANT SELECT ON TABLE earning.lookout TO wallet_app;

GRANT SELECT ON TABLE earning.order_key TO wallet_app;

GRANT SELECT ON TABLE earning.policy TO wallet_app;

GRANT SELECT ON TABLE earning.queue TO wallet_app;

GRANT SELECT ON TABLE earning.retry TO wallet_app;

GRANT SELECT ON TABLE fraud.device TO wallet_app;

GRANT SELECT ON TABLE fraud.judgement TO wallet_app;

GRANT SELECT ON TABLE fraud.link TO wallet_app;

GRANT SELECT ON TABLE fraud.link_key TO wallet_app;

GRANT SELECT ON TABLE fraud.model TO wallet_app;

GRANT SELECT ON TABLE fraud.model_publication TO wallet_app;

GRANT SELECT ON TABLE fraud.policy TO wallet_app;

GRANT SELECT ON TABLE fraud.ring TO wallet_app;

GRANT SELECT ON TABLE fraud.ring_member TO wallet_app;

GRANT SELECT ON TABLE fraud.ring_turn TO wallet_app;

GRANT SELECT ON TABLE fraud.wallet_device TO wallet_app;

GRANT SELECT ON TABLE ledger.credit TO wallet_app;

GRANT SELECT ON TABLE ledger.entry TO wallet_app;

GRANT SELECT ON TABLE ledger.operation TO wallet_app;

GRANT SELECT ON TABLE ledger.program TO wallet_app;

GRANT SELECT ON TABLE ledger.program_history TO wallet_app;

GRANT SELECT ON TABLE ledger.reservation TO wallet_app;

GRANT SELECT ON TABLE ledger.wallet TO wallet_app;

GRANT SELECT ON TABLE review.case_act TO wallet_app;

GRANT SELECT ON TABLE review.case_file TO wallet_app;

GRANT SELECT ON TABLE review.label TO wallet_app;

GRANT SELECT ON TABLE review.policy TO wallet_app;

GRANT SELECT ON TABLE rules.campaign TO wallet_app;

GRANT SELECT ON TABLE rules.change TO wallet_app;

GRANT SELECT ON TABLE rules.customer TO wallet_app;

GRANT SELECT ON TABLE rules.draft TO wallet_app;

GRANT SELECT ON TABLE rules.policy TO wallet_app;

GRANT SELECT ON TABLE rules.ruleset TO wallet_app;

GRANT SELECT ON TABLE rules.segment TO wallet_app;

GRANT SELECT ON TABLE rules.segment_member TO wallet_app;

GRANT SELECT ON TABLE rules.state TO wallet_app;
