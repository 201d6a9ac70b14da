-- Promise: writes a program and its history row if the program still has the expected version (0: does not exist);
-- answers whether it was written.
-- Locks: the program's row.
create or replace function ledger.put_program(
  p_program_id text, p_expected bigint, p_display_name text, p_sandbox boolean, p_asset text, p_exponent smallint,
  p_currency text, p_rate_numerator bigint, p_rate_denominator bigint, p_floor_minor bigint, p_policy text,
  p_clock bigint, p_actor text, p_reason text
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
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
revoke all on function ledger.put_program from public;
grant execute on function ledger.put_program to wallet_app;
