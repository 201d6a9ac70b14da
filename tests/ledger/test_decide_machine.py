"""`decide` against a wallet kept by hand, over thousands of random steps with a clock that also stands and jumps back."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from naive_parts import worth
from naive_wallet import NaiveWallet
from wallets import SECOND, Book, change, expired_of, new_id, reason_of

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import (
    Adjust,
    ClawBack,
    Close,
    Command,
    Commit,
    Expire,
    Extend,
    Freeze,
    Grant,
    Mature,
    Outcome,
    Release,
    ReservationOutcome,
    Reserve,
    Restore,
    Review,
    Settle,
    Unfreeze,
)
from wallet_service.ledger.decide import Decision, genesis
from wallet_service.ledger.model import Account, ReservationState, ReviewState, Terms, WalletState

EXAMPLES, STEPS = 120, 60
_steps = 0

amounts = st.integers(1, 60)
moments = st.one_of(st.just(None), st.integers(-2, 60))
"""Seconds from now until something expires; None: never."""


def pile(lots: Any) -> dict[int, int]:
    assert [lot.expires_at for lot in lots] == sorted({lot.expires_at for lot in lots}), (
        "sorted, one lot per expiry"
    )
    assert all(lot.amount > 0 for lot in lots), "no empty lot"
    return {lot.expires_at: lot.amount for lot in lots}


def altered(command: Command) -> Command | None:
    """The same id with other content."""
    match command:
        case Reserve():
            return change(command, order=change(command.order, total_minor=command.order.total_minor + 1))
        case Commit():
            return change(command, final=not command.final)
        case Extend():
            return change(command, ttl_seconds=command.ttl_seconds + 1)
        case Grant():
            return change(command, pending=not command.pending)
        case Freeze() | Unfreeze() | ClawBack() | Restore() | Adjust() | Close() | Expire() | Review():
            return change(command, reason=command.reason + "!")
        case _:
            return None


def answer(outcome: Outcome) -> Outcome:
    """What the caller is told of an outcome: not which lots lie behind it, nor whether it was told before."""
    if isinstance(outcome, Refusal):
        return change(outcome, facts={k: v for k, v in outcome.facts.items() if k != "replayed"})
    if isinstance(outcome, ReservationOutcome):
        told = change(outcome.reservation, lots=(), spent=(), restored=())
        return change(outcome, reservation=told, replayed=False)
    return change(outcome, replayed=False)


def assert_nothing_recorded(decision: Decision) -> None:
    recorded = (decision.entries, decision.reservations, decision.credit, decision.operation)
    assert recorded == ((), (), None, None)


class DecideMachine(RuleBasedStateMachine):
    @initialize(
        grace=st.sampled_from([0, 0, 5]),
        floor=st.sampled_from([0, -30]),
        opens=st.sampled_from([1, 3, 32]),
        first=amounts,
    )
    def begin(self, grace: int, floor: int, opens: int, first: int) -> None:
        terms = Terms(commit_grace_seconds=grace, floor_minor=floor, open_reservations_max=opens)
        self.book = Book(terms=terms)
        self.naive = NaiveWallet(terms)
        self.done: list[tuple[Command, Outcome]] = []
        self.final: dict[str, Any] = {}
        self.moved: Counter[Account] = Counter()
        self.seen = 0
        self.say(self.book.a_grant(first))

    def say(self, command: Command) -> None:
        global _steps  # noqa: PLW0603 - counts over all examples, for the test below
        _steps += 1
        now = max(self.book.wallet.touched_at, self.book.now)
        outcome = self.book.say(command)
        expected = self.naive.apply(command, now)
        assert reason_of(outcome) == expected, command
        if isinstance(outcome, Refusal):
            if isinstance(command, Reserve):
                self.done.append((command, outcome))
        elif outcome.replayed:
            assert isinstance(command, Release), "every other command has an id of its own here"
        else:
            assert outcome.balance == self.book.wallet.balance
            assert outcome.balance[:4] == self.naive.balances()
            self.done.append((command, outcome))

    def expiry(self, seconds: int | None) -> Any:
        return NEVER if seconds is None else self.book.now + seconds * SECOND

    # Ids: of what there is, now and then of what there is not.

    def a_credit(self, data: st.DataObject) -> Any:
        return data.draw(st.sampled_from([*self.book.credits, new_id()]), label="credit")

    def a_reservation(self, data: st.DataObject) -> Any:
        held = [hold.reservation_id for hold in self.book.wallet.holds]
        return data.draw(
            st.sampled_from([*held, *held, *self.book.reservations, new_id()]), label="reservation"
        )

    @rule(seconds=st.sampled_from([0, 0, 1, 3, 7, 20, -4]), part=st.sampled_from([0, 0, 1, SECOND - 1]))
    def time_passes(self, seconds: int, part: int) -> None:
        self.book.now += seconds * SECOND + part

    @precondition(lambda self: self.book.wallet.next_due_at != NEVER)
    @rule(off=st.sampled_from([-1, 0, 1]))
    def time_comes_to_an_edge(self, off: int) -> None:
        self.book.now = max(self.book.now, self.book.wallet.next_due_at + off)

    @rule(amount=amounts, expires=moments, pending=st.booleans())
    def grant(self, amount: int, expires: int | None, pending: bool) -> None:
        self.say(self.book.a_grant(amount, pending=pending, expires_at=self.expiry(expires)))

    @rule(amount=amounts, ttl=st.integers(1, 20), share=st.sampled_from([None, None, None, 1, 2]))
    def reserve(self, amount: int, ttl: int, share: int | None) -> None:
        if share and self.book.wallet.available > 0:
            amount = max(1, self.book.wallet.available // share)
        self.say(self.book.a_reserve(amount, ttl=ttl))

    @rule(amount=amounts, ttl=st.integers(1, 20), longer=st.integers(-10, 10))
    def reserve_what_a_person_must_let_pass(self, amount: int, ttl: int, longer: int) -> None:
        amount = min(amount, max(1, self.book.wallet.available))
        self.say(self.book.a_reserve(amount, ttl=ttl, review=True, review_ttl_seconds=ttl + longer))

    @rule(data=st.data(), approve=st.booleans(), ttl=st.integers(0, 30))
    def review(self, data: st.DataObject, approve: bool, ttl: int) -> None:
        waiting = [hold.reservation_id for hold in self.book.wallet.holds if hold.under_review]
        chosen = data.draw(st.sampled_from(waiting), label="waiting") if waiting else self.a_reservation(data)
        self.say(self.book.an_operation(Review, reservation_id=chosen, approve=approve, ttl_seconds=ttl))

    @rule(
        amount=amounts,
        reason=st.sampled_from([None, Reason.NOT_A_STEP, Reason.QUOTE_MISMATCH]),
        past=st.booleans(),
    )
    def reserve_what_the_policy_refuses(self, amount: int, reason: Reason | None, past: bool) -> None:
        refusal = None if reason is None else Refusal(reason=reason, field="amount_minor")
        quoted = self.book.now - SECOND if past else NEVER
        self.say(self.book.a_reserve(amount, refusal=refusal, quote_expires_at=quoted))

    @rule(data=st.data(), amount=st.one_of(st.none(), amounts, st.integers(1, 5)), final=st.booleans())
    def commit(self, data: st.DataObject, amount: int | None, final: bool) -> None:
        wallet_id = self.book.wallet.wallet_id
        reservation_id = self.a_reservation(data)
        self.say(
            Commit(
                wallet_id=wallet_id,
                reservation_id=reservation_id,
                commit_id=new_id(),
                amount=amount,
                final=final,
            )
        )

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.say(Release(wallet_id=self.book.wallet.wallet_id, reservation_id=self.a_reservation(data)))

    @rule(data=st.data(), ttl=st.integers(1, 30), lifetime=st.sampled_from([10, 40, 500]))
    def extend(self, data: st.DataObject, ttl: int, lifetime: int) -> None:
        self.say(
            Extend(
                wallet_id=self.book.wallet.wallet_id, reservation_id=self.a_reservation(data), extension_id=new_id(),
                ttl_seconds=ttl, lifetime_seconds_max=lifetime,
            )
        )  # fmt: skip

    @rule()
    def settle(self) -> None:
        self.say(Settle(wallet_id=self.book.wallet.wallet_id))

    @rule(data=st.data())
    def mature(self, data: st.DataObject) -> None:
        self.say(self.book.an_operation(Mature, credit_id=self.a_credit(data)))

    @rule(data=st.data(), amount=amounts)
    def claw_back(self, data: st.DataObject, amount: int) -> None:
        self.say(self.book.an_operation(ClawBack, credit_id=self.a_credit(data), amount=amount))

    @rule(data=st.data(), amount=st.integers(1, 20))
    def restore(self, data: st.DataObject, amount: int) -> None:
        spent = [r.reservation_id for r in self.book.reservations.values() if r.committed]
        chosen = (
            data.draw(st.sampled_from(spent))
            if spent and data.draw(st.booleans())
            else self.a_reservation(data)
        )
        self.say(self.book.an_operation(Restore, reservation_id=chosen, amount=amount))

    @rule(data=st.data(), kind=st.sampled_from([Freeze, Unfreeze]))
    def freeze_or_unfreeze_a_credit(self, data: st.DataObject, kind: type) -> None:
        self.say(self.book.an_operation(kind, credit_id=self.a_credit(data)))

    @rule(kind=st.sampled_from([Freeze, Unfreeze]), amount=amounts)
    def freeze_or_unfreeze_an_amount(self, kind: type, amount: int) -> None:
        self.say(self.book.an_operation(kind, amount=amount))

    @rule(kind=st.sampled_from([Freeze, Unfreeze, Unfreeze]))
    def freeze_or_unfreeze_the_wallet(self, kind: type) -> None:
        self.say(self.book.an_operation(kind))

    @rule(delta=st.integers(-60, 40).filter(bool), expires=moments)
    def adjust(self, delta: int, expires: int | None) -> None:
        self.say(self.book.an_operation(Adjust, delta=delta, expires_at=self.expiry(expires)))

    @rule(forfeit=st.sampled_from([False, False, False, True]), really=st.integers(0, 3))
    def close(self, forfeit: bool, really: int) -> None:
        # Most wallets live on, or there would be little left to try.
        self.say(self.book.an_operation(Close, forfeit=forfeit and not really))

    @rule(stale=st.sampled_from([0, 0, 1]))
    def expire_what_has_no_expiry(self, stale: int) -> None:
        self.say(Settle(wallet_id=self.book.wallet.wallet_id))
        self.naive.version = self.book.wallet.version
        self.say(self.book.an_operation(Expire, expected_version=self.book.wallet.version - stale))

    @rule(data=st.data())
    def a_repeated_command_is_answered_as_the_first_time_and_changes_nothing(
        self, data: st.DataObject
    ) -> None:
        self.say(Settle(wallet_id=self.book.wallet.wallet_id))
        command, first = data.draw(st.sampled_from([d for d in self.done if not isinstance(d[0], Settle)]))
        again = self.book.decide(command)
        assert again.wallet is self.book.wallet
        assert_nothing_recorded(again)
        assert answer(again.outcome) == answer(first)
        if isinstance(again.outcome, Refusal):
            assert again.outcome.facts["replayed"] == "true"
        else:
            assert again.outcome.replayed

    @rule(data=st.data())
    def a_reused_id_is_refused_and_changes_nothing(self, data: st.DataObject) -> None:
        self.say(Settle(wallet_id=self.book.wallet.wallet_id))
        command, _ = data.draw(st.sampled_from(self.done))
        other = altered(command)
        if other is not None:
            decision = self.book.decide(other)
            assert reason_of(decision.outcome) is Reason.ID_REUSED
            assert decision.wallet is self.book.wallet
            assert_nothing_recorded(decision)

    # What is always true.

    @invariant()
    def the_balances_are_those_of_the_piles(self) -> None:
        if not hasattr(self, "book"):
            return
        wallet, naive = self.book.wallet, self.naive
        assert wallet.balance[:4] == naive.balances()
        assert pile(wallet.available_lots) == naive.available
        assert pile(wallet.pending_lots) == naive.pending_pile()
        assert pile(wallet.frozen_lots) == naive.frozen_pile()
        assert pile(wallet.frozen_by_hand) == naive.by_hand
        assert expired_of(wallet.expired) == worth(naive.gone)
        assert wallet.pending == sum(pile(wallet.pending_lots).values())
        assert wallet.frozen == sum(pile(wallet.frozen_lots).values())
        assert max(wallet.available, 0) == sum(pile(wallet.available_lots).values())
        assert wallet.available >= self.book.terms.floor_minor
        assert wallet.state is WalletState[naive.state]

    @invariant()
    def value_is_conserved(self) -> None:
        if not hasattr(self, "book"):
            return
        wallet, moved = self.book.wallet, self.moved
        for entry in self.book.entries[self.seen :]:
            moved[entry.source] -= entry.amount
            moved[entry.target] += entry.amount
        self.seen = len(self.book.entries)
        assert sum(moved.values()) == 0
        assert wallet.pending + wallet.available + wallet.reserved + wallet.frozen == -sum(
            moved[account] for account in Account if account > Account.FROZEN
        )
        outside = self.naive.outside
        assert -moved[Account.ISSUED] == outside["issued"]
        assert moved[Account.REDEEMED] == outside["redeemed"]
        assert moved[Account.EXPIRED] == outside["expired"]
        assert moved[Account.CLAWED_BACK] == outside["clawed back"]
        assert -moved[Account.ADJUSTED] == outside["adjusted"]

    @invariant()
    def the_holds_are_those_kept_by_hand(self) -> None:
        if not hasattr(self, "book"):
            return
        wallet, kept = self.book.wallet, self.naive.reservations
        assert wallet.reserved == sum(hold.held for hold in wallet.holds)
        assert {h.reservation_id for h in wallet.holds} == {i for i, h in kept.items() if h.state == "HELD"}
        assert set(self.book.reservations) == {i for i, h in kept.items() if h.state != "HELD"}
        for reservation in (*wallet.holds, *self.book.reservations.values()):
            hold = kept[reservation.reservation_id]
            assert reservation.state is ReservationState[hold.state]
            assert reservation.review is ReviewState[hold.review]
            assert pile(reservation.lots) == hold.lots
            assert sum(pile(reservation.lots).values()) == reservation.held
            assert pile(reservation.spent) == hold.spent
            assert pile(reservation.restored) == hold.restored
            assert reservation.committed == hold.spent.total() <= reservation.amount
            assert reservation.expires_at == hold.expires
            assert [act.act_id for act in reservation.acts] == list(hold.acts)

    @invariant()
    def an_ended_reservation_never_changes_but_for_refunds(self) -> None:
        if not hasattr(self, "book"):
            return
        ended = {i: change(r, restored=()) for i, r in self.book.reservations.items()}
        assert self.final.items() <= ended.items()
        self.final = ended

    @invariant()
    def the_credits_are_those_kept_by_hand(self) -> None:
        if not hasattr(self, "book"):
            return
        wallet = self.book.wallet
        for credit_id, credit in self.book.credits.items():
            kept = self.naive.credits[credit_id]
            assert credit.clawed_back == kept.clawed
            if wallet.state is not WalletState.CLOSED:
                assert (credit.pending, credit.frozen_from_pending) == (kept.pending, kept.frozen_pending)
                assert credit.frozen == kept.frozen_pending + kept.frozen.total()
                assert pile(credit.frozen_lots) == kept.frozen
                assert expired_of(credit.frozen_expired) == worth(kept.frozen_gone)
        if wallet.state is not WalletState.CLOSED:
            frozen = sum(credit.frozen for credit in self.book.credits.values())
            assert wallet.frozen == frozen + sum(lot.amount for lot in wallet.frozen_by_hand)

    @invariant()
    def nothing_falls_due_before_it_is_looked_at(self) -> None:
        if hasattr(self, "book"):
            assert self.book.wallet.next_due_at <= self.naive.next_due()

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        head = genesis(self.book.wallet.wallet_id)
        for number, entry in enumerate(self.book.entries, start=1):
            assert entry.seq == number
        assert self.book.wallet.version == len(self.book.entries)
        assert not self.book.entries or self.book.entries[-1].hash == self.book.wallet.head != head


def test_decide_agrees_with_a_wallet_kept_by_hand_over_thousands_of_steps() -> None:
    # The same steps each time, so that it never fails by chance; HYPOTHESIS_EXPLORE=1 looks for new ones.
    explore = "HYPOTHESIS_EXPLORE" in os.environ
    before = _steps
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        DecideMachine,
        settings=settings(
            max_examples=EXAMPLES * (20 if explore else 1), stateful_step_count=STEPS, deadline=None,
            derandomize=not explore, database=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert _steps - before >= 5_000
