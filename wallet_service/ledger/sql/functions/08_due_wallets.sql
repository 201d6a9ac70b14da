-- Promise: answers up to p_limit wallets of each program in which something is due by the program's clock. Where the
-- remembered moment was early (it is moved forward lazily), it is set right here instead.
-- Locks: the rows whose moment is set right; those that somebody else holds are left for the next time.
create or replace function ledger.due_wallets(p_limit integer) returns setof uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- A few rows against the whole table: a plan made while it was small would read its index from end to end.
set enable_hashjoin = off
set enable_mergejoin = off
as $$
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
revoke all on function ledger.due_wallets from public;
grant execute on function ledger.due_wallets to wallet_app;
