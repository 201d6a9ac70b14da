"""Lies told to a database by its owner: what each breaks, what is said of it, the statements."""

from __future__ import annotations

from town import named

from wallet_service.kernel.ids import wallet_id_of
from wallet_service.reconciliation.model import Invariant

ANNA, BERT, CARL, DORA = (
    wallet_id_of(program, name)
    for program, name in (("town", "anna"), ("town", "bert"), ("owing", "carl"), ("town", "dora"))
)

LIES = {
    "a balance was raised": (
        Invariant.BALANCES,
        "not the sums of its entries",
        f"update ledger.wallet set available = available + 1 where wallet_id = '{ANNA}'",
    ),
    "an entry shows another balance": (
        Invariant.BALANCES,
        "not those after it",
        f"update ledger.entry set frozen_after = frozen_after + 1 where wallet_id = '{ANNA}' and seq = 5",
    ),
    "entries have no wallet": (
        Invariant.BALANCES,
        "a wallet that does not exist",
        f"delete from ledger.wallet where wallet_id = '{CARL}'",
    ),
    "value was lost on the way in": (
        Invariant.CONSERVATION,
        "what came into a wallet",
        f"update ledger.entry set amount = amount - 1 where wallet_id = '{BERT}' and seq = 1",
    ),
    "a whole program does not close": (
        Invariant.CONSERVATION,
        "what a program brought in",
        f"update ledger.wallet set pending = pending + 7 where wallet_id = '{CARL}'",
    ),
    "a wallet owes more than it may": (
        Invariant.FLOOR,
        "a wallet stands below",
        f"update ledger.wallet set available = -501 where wallet_id = '{CARL}'",
    ),
    "an entry left less than nothing": (
        Invariant.FLOOR,
        "an entry left",
        f"update ledger.entry set pending_after = -1 where wallet_id = '{ANNA}' and seq = 3",
    ),
    "more is reserved than held": (
        Invariant.RESERVED,
        "not what the open reservations hold",
        f"update ledger.wallet set reserved = reserved + 1 where wallet_id = '{ANNA}'",
    ),
    "a hold was wiped from the wallet": (
        Invariant.RESERVATIONS,
        "a reservation that does not exist",
        f"update ledger.wallet set document = jsonb_set(document::jsonb, '{{7}}', '[]')::json where wallet_id = '{ANNA}'",
    ),
    "a reservation grew": (
        Invariant.RESERVATIONS,
        "columns of a reservation are not what its document says",
        f"update ledger.reservation set amount = amount + 1 where reservation_id = '{named('part')}'",
    ),
    "a reservation took twice": (
        Invariant.RESERVATIONS,
        "did not take its amount exactly once",
        f"update ledger.entry set subject_id = '{named('part')}' where subject_id = '{named('whole')}' and kind = 3",
    ),
    "a commit was forgotten": (
        Invariant.RESERVATIONS,
        "did not spend what it says it spent",
        f"delete from ledger.entry where act_id = '{named('twice-2')}'",
    ),
    "a reservation gave back too little": (
        Invariant.RESERVATIONS,
        "did not give back exactly",
        f"update ledger.entry set amount = amount - 1 where subject_id = '{named('dropped')}' and kind = 5",
    ),
    "a release counted twice": (
        Invariant.RESERVATIONS,
        "gave value back more than once",
        f"""insert into ledger.entry select wallet_id, seq + 1000, kind, source, target, amount, pending_after,
        available_after, reserved_after, frozen_after, subject_id, act_id, lots, detail, at, hash
        from ledger.entry where subject_id = '{named("dropped")}' and kind = 5""",
    ),
    "an expiry is called a release": (
        Invariant.RESERVATIONS,
        "ended in another way",
        f"update ledger.entry set kind = 5 where subject_id = '{named('forgotten')}' and kind = 6",
    ),
    "an open reservation gave value back": (
        Invariant.RESERVATIONS,
        "an open reservation has given value back",
        f"update ledger.entry set subject_id = '{named('open')}' where subject_id = '{named('dropped')}' and kind = 5",
    ),
    "a reservation is open and closed": (
        Invariant.RESERVATIONS,
        "is open and has ended",
        f"""update ledger.reservation set reservation_id = '{named("open")}'
        where reservation_id = '{named("dropped")}'""",
    ),
    "an entry is gone": (
        Invariant.HISTORY,
        "not numbered without gap",
        f"delete from ledger.entry where wallet_id = '{ANNA}' and seq = 4",
    ),
    "the last entry is gone": (
        Invariant.HISTORY,
        "not the number of its last entry",
        f"delete from ledger.entry where wallet_id = '{BERT}' and seq = 5",
    ),
    "a reason was rewritten": (
        Invariant.HISTORY,
        "does not follow from the one before",
        f"update ledger.entry set detail = replace(detail, 'shop', 'shed') where wallet_id = '{ANNA}' and seq = 2",
    ),
    "a lot's expiry was rewritten": (
        Invariant.HISTORY,
        "does not follow from the one before",
        f"update ledger.entry set lots = replace(lots::text, ',', ', ')::json where wallet_id = '{ANNA}' and seq = 2",
    ),
    "the chain was begun elsewhere": (
        Invariant.HISTORY,
        "does not follow from the one before",
        f"update ledger.entry set wallet_id = '{named('stranger')}' where wallet_id = '{CARL}'",
        f"update ledger.wallet set wallet_id = '{named('stranger')}' where wallet_id = '{CARL}'",
    ),
    "a history runs backwards": (
        Invariant.HISTORY,
        "",
        f"update ledger.entry set at = at - interval '1 hour' where wallet_id = '{BERT}' and seq = 3",
    ),
    "the head is another": (
        Invariant.HISTORY,
        "not that of its last entry",
        f"update ledger.wallet set head = sha256('x') where wallet_id = '{BERT}'",
    ),
    "an adjustment counted twice": (
        Invariant.ONE_EFFECT,
        "more than once",
        f"update ledger.entry set subject_id = '{named('gift')}' where subject_id = '{named('mistake')}'",
    ),
    "a commit counted twice": (
        Invariant.ONE_EFFECT,
        "more than once",
        f"update ledger.entry set act_id = '{named('twice-1')}' where act_id = '{named('twice-2')}'",
    ),
    "a refusal took value": (
        Invariant.REFUSALS,
        "a refused reservation moved value",
        f"update ledger.entry set subject_id = '{named('too-much')}' where subject_id = '{named('dropped')}'",
    ),
    "a credit is worth more than it brought": (
        Invariant.RETURNS,
        "did not bring its amount exactly once",
        f"update ledger.credit set amount = amount + 1 where credit_id = '{named('late')}'",
    ),
    "a claw-back is denied": (
        Invariant.RETURNS,
        "clawed back of a credit",
        f"update ledger.credit set clawed_back = 0 where credit_id = '{named('returned')}'",
    ),
    "a credit waits for what it has": (
        Invariant.RETURNS,
        "pending or frozen is not what its entries say",
        f"update ledger.credit set pending = 150 where credit_id = '{named('ripe')}'",
    ),
    "a credit was wiped": (
        Invariant.RETURNS,
        "a credit that does not exist",
        f"delete from ledger.credit where credit_id = '{named('early')}'",
    ),
    "a refund is denied": (
        Invariant.RETURNS,
        "did not give back what it says",
        f"update ledger.reservation set restored = 0 where reservation_id = '{named('whole')}'",
    ),
    "pending value was reserved": (
        Invariant.SPENDING,
        "along a way that its kind does not allow",
        f"update ledger.entry set source = 1 where subject_id = '{named('part')}' and kind = 3",
    ),
    "frozen value was redeemed": (
        Invariant.SPENDING,
        "along a way that its kind does not allow",
        f"update ledger.entry set source = 4 where subject_id = '{named('part')}' and kind = 4",
    ),
    "a lot was added": (
        Invariant.LOTS,
        "do not sum to its balances",
        f"""update ledger.wallet set document = jsonb_set(document::jsonb, '{{1}}',
        (document::jsonb -> 1) || '[[1790000000000000, 5]]')::json where wallet_id = '{ANNA}'""",
    ),
    "a lot is empty": (
        Invariant.LOTS,
        "a lot is empty",
        f"""update ledger.wallet set document = jsonb_set(document::jsonb, '{{1}}',
        (document::jsonb -> 1) || '[[1790000000000000, 0]]')::json where wallet_id = '{ANNA}'""",
    ),
    "a hold holds other lots": (
        Invariant.LOTS,
        "lots of a reservation do not sum",
        f"""update ledger.wallet set document = jsonb_set(document::jsonb, '{{7,0,12}}', '[]')::json
        where wallet_id = '{ANNA}'""",
    ),
    "frozen value has no reason": (
        Invariant.LOTS,
        "what credits and persons set aside",
        f"""update ledger.wallet set document = jsonb_set(document::jsonb, '{{3}}', '[]')::json
        where wallet_id = '{BERT}'""",
    ),
    "an expiry was put off": (
        Invariant.LOTS,
        "not those that its entries moved",
        f"""update ledger.wallet set document = jsonb_set(document::jsonb, '{{1,0,0}}',
        to_jsonb((document -> 1 -> 0 ->> 0)::bigint + 1))::json where wallet_id = '{ANNA}'""",
    ),
    "a commit came late": (
        Invariant.EXPIRY,
        "a commit came after the reservation had expired",
        f"""update ledger.reservation set document = jsonb_set(document::jsonb, '{{11}}', document::jsonb -> 10)::json
        where reservation_id = '{named("part")}'""",
    ),
    "nobody swept a hold": (
        Invariant.EXPIRY,
        "a reservation stands open past its end",
        "update ledger.program set clock_at = clock_at + interval '1 hour', updated_at = now() - interval '1 hour'",
    ),
    "nobody swept a lot": (
        Invariant.EXPIRY,
        "a lot stands open past its end",
        "update ledger.program set clock_at = clock_at + interval '1 year', updated_at = now() - interval '1 hour'",
    ),
    "the sweeper looks too late": (
        Invariant.EXPIRY,
        "is due before the moment at which its wallet is swept",
        f"update ledger.wallet set due_at = '9999-12-31T23:59:59Z' where wallet_id = '{ANNA}'",
    ),
    "the service may rewrite history": (
        Invariant.GRANTS,
        "the service may update",
        "grant update (amount) on ledger.entry to wallet_app",
    ),
    "everybody may delete the audit trail": (
        Invariant.GRANTS,
        "the service may delete",
        "grant delete on ledger.operation to public",
    ),
    "a new table is open": (
        Invariant.GRANTS,
        "the service may truncate",
        "create table ledger.later (n int)",
        "grant truncate on ledger.later to wallet_app",
    ),
    "a function is open to all": (
        Invariant.GRANTS,
        "may be called by everybody",
        "grant execute on function ledger.put_program to public",
    ),
    "a function lends its search path": (
        Invariant.GRANTS,
        "has no search path of its own",
        "alter function ledger.open_wallet reset search_path",
    ),
    "a function writes as whoever calls": (
        Invariant.GRANTS,
        "does not run as its owner",
        "alter function ledger.open_wallet security invoker",
    ),
    "nobody is on record": (
        Invariant.AUDIT,
        "nobody is on record for it",
        f"delete from ledger.operation where operation_id = '{named('gift')}'",
    ),
    "the record names another": (
        Invariant.AUDIT,
        "do not name the same actor",
        f"update ledger.operation set actor = 'eve' where operation_id = '{named('aside-2')}'",
    ),
    "the record gives no reason": (
        Invariant.AUDIT,
        "does not say who or why",
        f"update ledger.operation set reason = '' where operation_id = '{named('bye')}'",
    ),
    "an adjustment moved nothing": (
        Invariant.AUDIT,
        "an adjustment is on record and moved nothing",
        f"delete from ledger.entry where subject_id = '{named('mistake')}'",
    ),
    "a wallet froze by itself": (
        Invariant.AUDIT,
        "was frozen or closed and nobody",
        f"update ledger.wallet set state = 3 where wallet_id = '{ANNA}'",
    ),
    "a program's past was wiped": (
        Invariant.AUDIT,
        "a version of a program is not on record",
        "delete from ledger.program_history where program_id = 'town' and version = 2",
    ),
}
