-- Promise: answers when these wallets were opened and what stands available in them now.
select w.wallet_id, (w.document ->> 6)::bigint as opened_at, w.available
from ledger.wallet as w
where w.wallet_id = any ($1::uuid[])
