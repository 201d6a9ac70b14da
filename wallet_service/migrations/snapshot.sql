CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

CREATE TABLE public.schema_state (
    only_row boolean DEFAULT true NOT NULL,
    fingerprint text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schema_state_only_row_check CHECK (only_row)
);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.schema_state
    ADD CONSTRAINT schema_state_pkey PRIMARY KEY (only_row);
