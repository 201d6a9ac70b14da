-- Promise: writes the warnings of the wallets after p_from up to p_to, each once for ever, and moves the look ahead on
-- to p_to; without one it has seen every wallet and ends. Forgets warnings of these wallets whose expiry is p_keep_days
-- past. Answers how many warnings are new; null, and nothing is written, if the lease was taken over.
-- Locks: the one row, so that warnings become visible in the order of warned_at; then the warnings.
create or replace function earning.record_warnings(
  p_lease uuid, p_seconds integer, p_warnings json, p_from uuid, p_to uuid, p_keep_days integer
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
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
revoke all on function earning.record_warnings from public;
grant execute on function earning.record_warnings to wallet_app;
