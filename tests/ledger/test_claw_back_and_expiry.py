"""A return and an expiry meet: whichever comes first, the same value is left and the same has gone each way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallets import Book, credit

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import ClawBack, Expire
from wallet_service.ledger.decide import expired
from wallet_service.ledger.model import Account, EntryKind, Expired, Lot, Terms

moments = st.one_of(st.none(), st.integers(1, 40))
grants = st.lists(st.tuples(st.integers(1, 60), moments, st.booleans()), min_size=1, max_size=5)
numbers = st.integers(0, 4)
claws = st.tuples(st.just("claw back"), numbers, st.integers(1, 60))
steps = st.lists(
    st.one_of(
        claws,
        claws,
        st.tuples(st.sampled_from(["freeze", "unfreeze", "mature"]), numbers, st.just(0)),
        st.tuples(st.just("restore"), numbers, st.integers(1, 20)),
    ),
    max_size=8,
)


def came_back(book: Book, credit_id: Any, amount: int, *, stop_at_zero: bool) -> int:
    """Take back what can be, as the returns of an order do; answers what is left owing."""
    fields = {"credit_id": credit_id, "stop_at_zero": stop_at_zero}
    outcome = book.operate(ClawBack, amount=amount, **fields)
    if not isinstance(outcome, Refusal) or outcome.reason is Reason.ABOVE_CREDIT:
        return 0
    assert outcome.reason is Reason.BELOW_FLOOR
    possible = int(outcome.facts["possible_minor"])
    assert 0 <= possible < amount
    if possible:
        assert not isinstance(book.operate(ClawBack, amount=possible, **fields), Refusal)
    return amount - possible


def flows(book: Book) -> Counter[Account]:
    moved: Counter[Account] = Counter()
    for entry in book.entries:
        moved[entry.source] -= entry.amount
        moved[entry.target] += entry.amount
    return +moved


class Story:
    """A wallet that was given credits and spent a part; what happens to it, and at one moment it expires."""

    def __init__(self, lots: list[tuple[int, int | None, bool]], share: int, floor: int, zero: bool) -> None:
        self.book, self.zero, self.owed = Book(terms=Terms(floor_minor=floor)), zero, 0
        self.credits = [credit(self.book, n, expires=at, pending=pending) for n, at, pending in lots]
        spent = self.book.wallet.available * share // 100
        self.held = self.book.held(spent, ttl=10_000) if spent else None
        if self.held:
            self.book.commit(self.held)

    def tell(self, step: tuple[str, int, int]) -> None:
        what, number, amount = step
        credit_id = self.credits[number % len(self.credits)]
        match what:
            case "claw back":
                left = self.book.credits[credit_id].remaining
                if left:
                    self.owed += came_back(self.book, credit_id, min(amount, left), stop_at_zero=self.zero)
            case "restore" if self.held:
                self.book.restore(self.held, amount)
            case "freeze":
                self.book.freeze(credit_id=credit_id)
            case "unfreeze":
                self.book.unfreeze(credit_id=credit_id)
            case "mature":
                self.book.mature(credit_id)

    def expire(self, passed: int | None) -> None:
        """Time passes; or nothing happened for long, and what has no expiry of its own expires."""
        if passed is None:
            self.book.operate(Expire, expected_version=self.book.wallet.version)
        else:
            self.book.later(passed).settle()

    def ends(self) -> Any:
        for credit_id in self.credits:
            self.book.unfreeze(credit_id=credit_id)
        self.expire(None) if self.idle else self.book.settle()
        wallet = self.book.wallet
        taken = [self.book.credits[credit_id].clawed_back for credit_id in self.credits]
        return (
            wallet.balance[:4],
            wallet.available_lots,
            wallet.pending_lots,
            taken,
            self.owed,
            flows(self.book),
        )

    idle = False


def endings(told: list[Any], passed: int | None, begin: Any) -> list[Any]:
    """How the story ends with the expiry before each step, and after the last."""
    found = []
    for when in range(len(told) + 1):
        story = begin()
        story.idle = passed is None
        for number, step in enumerate(told):
            if number == when:
                story.expire(passed)
            story.tell(step)
        if when == len(told):
            story.expire(passed)
        found.append(story.ends())
    return found


@given(
    grants, steps, st.integers(0, 100), st.integers(1, 50), st.sampled_from([0, -25, -1_000]), st.booleans()
)
def test_whenever_it_expires_the_same_is_taken_back_the_same_is_owed_and_the_same_lots_are_left(
    lots: list[Any], told: list[Any], share: int, passed: int, floor: int, zero: bool
) -> None:
    ends = endings(told, passed, lambda: Story(lots, share, floor, zero))
    assert all(end == ends[0] for end in ends)


@given(grants, steps, st.integers(0, 100))
def test_whenever_idle_value_expires_the_same_is_taken_back(
    lots: list[Any], told: list[Any], share: int
) -> None:
    ends = endings(told, None, lambda: Story(lots, share, 0, zero=True))
    assert all(end == ends[0] for end in ends)


@given(grants, st.lists(st.integers(1, 60), max_size=8), st.integers(0, 100), st.integers(0, 50))
def test_claw_backs_in_parts_take_after_an_expiry_what_one_takes(
    lots: list[Any], parts: list[int], share: int, passed: int
) -> None:
    ends = []
    for split in (parts, []):
        story = Story(lots, share, 0, zero=True)
        story.expire(passed)
        for part in (*split, 60):
            story.tell(("claw back", 0, part))
        ends.append(story.book.wallet.available_lots)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("frozen_first", [False, True])
def test_what_expired_of_a_credit_is_taken_back_where_it_lies_and_nothing_else_is_frozen(
    frozen_first: bool,
) -> None:
    book = Book(terms=Terms(floor_minor=-1_000))
    earned = credit(book, 500, expires=10)
    book.grant(1_000)
    book.later(20).settle()
    if frozen_first:
        book.freeze(credit_id=earned)
        assert book.wallet.balance[:4] == (0, 1_000, 0, 0)
    book.claw_back(earned, 200)
    book.claw_back(earned, 300)
    assert book.wallet.balance[:4] == (0, 1_000, 0, 0)
    assert [(e.kind, e.source, e.target, e.amount) for e in book.entries[-2:]] == [
        (EntryKind.CLAW_BACK, Account.EXPIRED, Account.CLAWED_BACK, amount) for amount in (200, 300)
    ]
    assert flows(book)[Account.EXPIRED] == 0


def test_two_credits_that_expired_together_are_taken_back_no_further_than_they_were_there() -> None:
    book = Book()
    first, second = credit(book, 500, expires=10), credit(book, 500, expires=10)
    book.commit(book.held(600))
    book.later(20)
    book.grant(1_000)
    book.claw_back(first, 500)
    book.claw_back(second, 500)
    assert book.wallet.available == 400  # 600 were spent, and come from what was given since


def test_what_expired_before_a_credit_came_pays_nothing_of_it() -> None:
    book = Book()
    old = credit(book, 300)
    book.operate(Expire, expected_version=book.wallet.version)
    new = credit(book, 500)
    book.commit(book.held(500))
    book.grant(1_000)
    book.claw_back(new, 500)
    assert book.wallet.available == 500
    book.claw_back(old, 300)
    assert book.wallet.available == 500


def test_what_expired_is_remembered_for_two_years_and_in_no_more_parts_than_there_are_lots() -> None:
    day = 86_400
    book = Book()
    book.grant(1, expires=10)
    book.later(790 * day).settle()
    book.grant(2, expires=790 * day + 10)
    book.later(9 * day).settle()
    assert [gone.amount for gone in book.wallet.expired] == [1, 2]
    book.grant(3, expires=801 * day)
    book.later(3 * day).settle()
    assert [gone.amount for gone in book.wallet.expired] == [2, 3]
    many = tuple(Expired(book.now, 1, version) for version in range(600))
    kept = expired.remember(many, (Lot(book.now, 7),), 600, book.now)
    assert (len(kept), kept[-1], kept[0].version) == (512, Expired(book.now, 7, 600), 89)
