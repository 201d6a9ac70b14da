-- Promise: writes what is recorded of customers, each as a whole; who has no attributes any more is forgotten.
-- Answers how many are different now.
-- Locks: the customers that are named, in ascending order.
create or replace function rules.put_customers(
  p_program_id text, p_refs text[], p_attributes text[], p_actor text, p_reason text
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_written bigint;
  v_forgotten bigint;
begin
  insert into rules.customer as c (program_id, customer_ref, attributes, actor, reason, updated_at)
  select p_program_id, n.customer_ref, n.attributes, p_actor, p_reason, clock_timestamp()
  from unnest(p_refs, p_attributes) as n (customer_ref, attributes)
  where n.attributes <> '{}'
  order by n.customer_ref
  on conflict (program_id, customer_ref) do update
  set attributes = excluded.attributes, actor = excluded.actor, reason = excluded.reason, updated_at = excluded.updated_at
  where c.attributes <> excluded.attributes;
  get diagnostics v_written = row_count;
  delete from rules.customer as c
  where
    c.program_id = p_program_id
    and c.customer_ref in (
      select n.customer_ref from unnest(p_refs, p_attributes) as n (customer_ref, attributes)
      where n.attributes = '{}'
    );
  get diagnostics v_forgotten = row_count;
  return v_written + v_forgotten;
end
$$;
revoke all on function rules.put_customers from public;
grant execute on function rules.put_customers to wallet_app;
