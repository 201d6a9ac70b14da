-- Promise: grants a new slice of a budget: p_wanted, or what is left. When less than p_needed is left, what slices other
-- than p_own have not used is taken from them first (their workers find them short and ask again), so that a budget is
-- spent to its last unit. Answers what was granted; 0 when the budget is used up; -1 when what is left was taken by
-- others a moment ago, who may not need it: ask again shortly.
-- Locks: the budget's row; then, only when it runs short, its open slices in ascending order.
create or replace function earning.take_slice(
  p_slice_id uuid, p_program_id text, p_cap_key text, p_limit bigint, p_needed bigint, p_wanted bigint,
  p_seconds integer, p_own uuid[]
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
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
revoke all on function earning.take_slice from public;
grant execute on function earning.take_slice to wallet_app;
