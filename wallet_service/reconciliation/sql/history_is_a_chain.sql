-- Promise: where invariant 6 is broken, which says:
-- the entries of a wallet are numbered 1..n without gap and n is its version; no entry is older than the
-- one before it; each hash follows from the one before and from what the entry says; the wallet's head is the last hash.
-- The canonical form is that of wallet_service/ledger/decide/draft.py, character by character.
-- Locks: none. Reads every entry once, in the order of its key.
with step as (
  select
    e.wallet_id, e.seq, e.hash,
    e.seq <> lag(e.seq, 1, 0::bigint) over history + 1 as gap,
    e.at < lag(e.at) over history as backwards,
    e.hash <> sha256(
      coalesce(lag(e.hash) over history, sha256(('wallet:' || e.wallet_id)::bytea))
      || convert_to(
        e.seq || '|' || e.kind || '|' || e.source || '|' || e.target || '|' || e.amount || '|' || e.pending_after
        || '|' || e.available_after || '|' || e.reserved_after || '|' || e.frozen_after || '|' || e.subject_id || '|'
        || coalesce(e.act_id::text, '') || '|'
        -- [[moment,amount],[moment,amount]] as moment:amount,moment:amount
        || translate(replace(replace(e.lots::text, '],[', ';'), ',', ':'), ';[]', ',') || '|'
        || ledger.microseconds(e.at) || '|' || coalesce(e.detail, ''),
        'UTF8'
      )
    ) as altered
  from ledger.entry as e
  window history as (partition by e.wallet_id order by e.seq)
),
chain as (
  select
    s.wallet_id, count(*) as entries, max(s.seq) as last_seq, min(s.seq) filter (where s.gap) as gap_seq,
    min(s.seq) filter (where s.altered) as altered_seq, min(s.seq) filter (where s.backwards) as backwards_seq
  from step as s
  group by s.wallet_id
)
select
  case
    when c.gap_seq is not null then 'the entries of a wallet are not numbered without gap'
    when w.version <> coalesce(c.last_seq, 0) then 'the version of a wallet is not the number of its last entry'
    when c.altered_seq is not null then 'the hash of an entry does not follow from the one before and what it says'
    when c.backwards_seq is not null then 'an entry is older than the one before it'
    else 'the hash of a wallet is not that of its last entry'
  end as sentence,
  w.wallet_id, w.program_id,
  json_build_object(
    'seq', coalesce(c.gap_seq, c.altered_seq, c.backwards_seq), 'entries', coalesce(c.entries, 0),
    'version', w.version
  )::text as facts
from ledger.wallet as w
left join chain as c on c.wallet_id = w.wallet_id
left join ledger.entry as l on l.wallet_id = c.wallet_id and l.seq = c.last_seq
where ($1::text is null or w.program_id = $1)
  and (
    c.gap_seq is not null
    or w.version <> coalesce(c.last_seq, 0)
    or c.altered_seq is not null
    or c.backwards_seq is not null
    or w.head <> coalesce(l.hash, sha256(('wallet:' || w.wallet_id)::bytea))
  )
limit $2
