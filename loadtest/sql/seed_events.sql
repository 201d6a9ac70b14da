-- Promise: $3 events for each of the wallets $1 to $2 that wait to be worked on, as if a source had told them all at
-- once: purchases with the content $4, whose order is named anew for each, of what is named $5.
-- Locks: none that matter; run as the owner while nobody tells events of these wallets.
with told as (
  insert into earning.event (
    wallet_id, event_id, program_id, kind, source, source_event_id, order_ref, value_minor, occurred_at, received_at,
    due_at, digest, content, result
  )
  select
    md5('w' || i)::uuid, md5('e' || $5::text || i || '-' || n)::uuid, 'bench', 1, 'seed', $5::text || i || '-' || n,
    $5::text || i || '-' || n, 5000, now(), clock_timestamp(), now(), sha256(('e' || i || '-' || n)::bytea),
    replace($4::text, 'ORDER', $5::text || i || '-' || n)::json, '{}'
  from generate_series($1::bigint, $2::bigint) as i
  cross join generate_series(1, $3::integer) as n
  returning wallet_id, due_at
)
insert into earning.queue (wallet_id, program_id, due_at)
select t.wallet_id, 'bench', min(t.due_at) from told as t
group by t.wallet_id
on conflict (wallet_id) do update set due_at = excluded.due_at
