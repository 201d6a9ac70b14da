-- Promise: answers wallets after an id in order of their ids, which say nothing about who they are: a sample.
select w.wallet_id from ledger.wallet as w where w.wallet_id > $1 order by w.wallet_id limit $2
