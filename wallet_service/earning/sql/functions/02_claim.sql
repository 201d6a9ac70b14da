-- Promise: leases up to p_limit wallets in which an event is due by the program's clock, the longest due first, and
-- answers them with that clock. A lease that ran out may be taken by anybody: its token then opens nothing any more.
-- Locks: the claimed rows of the queue; those that somebody else holds are left to him.
create or replace function earning.claim(p_lease uuid, p_seconds integer, p_limit integer)
returns table (wallet_id uuid, program_id text, now bigint, customer_ref text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  with due as materialized (
    select y.wallet_id, y.customer_ref, p.clock
    from (
      select x.program_id, coalesce(x.clock_at, clock_timestamp()) as clock from ledger.program as x
    ) as p
    cross join lateral (
      select z.wallet_id, w.customer_ref
      from earning.queue as z
      join ledger.wallet as w on w.wallet_id = z.wallet_id
      where z.program_id = p.program_id and z.due_at <= p.clock and z.leased_until <= clock_timestamp()
      order by z.due_at
      limit p_limit
      for no key update of z skip locked
    ) as y
    limit p_limit
  )
  update earning.queue as q
  set lease = p_lease, leased_until = clock_timestamp() + p_seconds * interval '1 second'
  from due as d
  -- Said again outside of the selection: on a spread table the lock inside alone does not keep two claims apart.
  where q.wallet_id = d.wallet_id and q.leased_until <= clock_timestamp()
  returning q.wallet_id, q.program_id, ledger.microseconds(d.clock), d.customer_ref;
end
$$;
revoke all on function earning.claim from public;
grant execute on function earning.claim to wallet_app;
