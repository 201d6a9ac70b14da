-- Remembers what was applied; in the transaction that applied the functions.
insert into public.schema_state (fingerprint) values ($1)
on conflict (only_row) do update set fingerprint = excluded.fingerprint, applied_at = clock_timestamp()
