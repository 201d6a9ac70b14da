CREATE SCHEMA ledger;

CREATE SCHEMA reconciliation;

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

CREATE INDEX wallet_due ON ledger.wallet USING btree (program_id, due_at) WHERE (due_at < '9999-01-01 00:00:00+00'::timestamp with time zone);

ALTER TABLE ONLY ledger.program_history
    ADD CONSTRAINT program_history_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

ALTER TABLE ONLY ledger.wallet
    ADD CONSTRAINT wallet_program_id_fkey FOREIGN KEY (program_id) REFERENCES ledger.program(program_id);

GRANT USAGE ON SCHEMA ledger TO wallet_app;

GRANT USAGE ON SCHEMA reconciliation TO wallet_app;

REVOKE ALL ON FUNCTION ledger.append(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.append(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.append_with_records(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.append_with_records(p_wallets ledger.wallet_row[], p_entries ledger.entry_row[], p_reservations ledger.reservation_row[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.due_wallets(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.due_wallets(p_limit integer) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.lock_wallets(p_wallets uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.lock_wallets(p_wallets uuid[]) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.open_wallet(p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.open_wallet(p_wallet_id uuid, p_program_id text, p_customer_ref text, p_head bytea) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.put_program(p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint, p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text, p_clock bigint, p_actor text, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION ledger.put_program(p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint, p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text, p_clock bigint, p_actor text, p_reason text) TO wallet_app;

REVOKE ALL ON FUNCTION ledger.write_records(p_lost uuid[], p_credits ledger.credit_row[], p_operations ledger.operation_row[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION reconciliation.unfinished_sessions(p_milliseconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION reconciliation.unfinished_sessions(p_milliseconds bigint) TO wallet_app;

GRANT SELECT ON TABLE ledger.credit TO wallet_app;

GRANT SELECT ON TABLE ledger.entry TO wallet_app;

GRANT SELECT ON TABLE ledger.operation TO wallet_app;

GRANT SELECT ON TABLE ledger.program TO wallet_app;

GRANT SELECT ON TABLE ledger.program_history TO wallet_app;

GRANT SELECT ON TABLE ledger.reservation TO wallet_app;

GRANT SELECT ON TABLE ledger.wallet TO wallet_app;
