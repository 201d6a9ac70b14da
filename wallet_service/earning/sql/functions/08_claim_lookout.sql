-- Promise: leases the look ahead at all wallets and answers the wallet after which it goes on; null if somebody else
-- has it, or if the last one ended a moment ago. A new one begins p_pause_seconds after the last, and no sooner than
-- p_share times as long after it as it took: so it never takes more than its share of the time, however many wallets.
-- Locks: the one row.
create or replace function earning.claim_lookout(
  p_lease uuid, p_seconds integer, p_pause_seconds integer, p_share integer
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
revoke all on function earning.claim_lookout from public;
grant execute on function earning.claim_lookout to wallet_app;
