-- Promise: closes the named slices, and those whose lease has run out, and gives what they have not used back to their
-- budgets. Closing twice does nothing. Answers how many were closed.
-- Locks: the budgets of the slices in ascending order, then the slices.
create or replace function earning.close_slices(p_slices uuid[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
revoke all on function earning.close_slices from public;
grant execute on function earning.close_slices to wallet_app;
