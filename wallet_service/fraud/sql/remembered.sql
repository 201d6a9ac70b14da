-- Promise: answers for each question when something was first seen (a thing anywhere, or a link to one wallet) and, at
-- most 300 of each, whom it was seen with last: wallets of a thing, devices of a wallet.
select
  w.n,
  floor(extract(epoch from case w.what
    when 'thing' then (
      select min(d.first_seen) from fraud.device as d
      where d.program_id = w.program_id and d.kind = w.kind and d.key = any (w.keys)
    )
    when 'link' then (
      select min(l.first_seen) from fraud.wallet_device as l
      where l.wallet_id = w.wallet_id and l.kind = w.kind and l.key = any (w.keys)
    )
  end))::bigint as first_second,
  coalesce(m.members, '[]')::text as members
from json_to_recordset($1::json) as w (n int, what text, program_id text, kind text, wallet_id uuid, keys text[])
left join lateral (
  select json_agg(json_build_array(s.member, s.seen)) as members
  from (
    (
      select l.wallet_id::text as member, floor(extract(epoch from l.last_seen))::bigint as seen
      from fraud.wallet_device as l
      where w.what = 'thing' and l.program_id = w.program_id and l.kind = w.kind and l.key = any (w.keys)
      order by l.last_seen desc
      limit 300
    )
    union all
    (
      select l.key as member, floor(extract(epoch from l.last_seen))::bigint as seen
      from fraud.wallet_device as l
      where w.what = 'wallet' and l.wallet_id = w.wallet_id and l.kind = 'device'
      order by l.last_seen desc
      limit 300
    )
  ) as s
) as m on true
order by w.n
