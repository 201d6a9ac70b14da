"""Reviewers at work in a shop: holds and events that are doubted, and those who decide them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shop import PROGRAM, Shop, opened

from wallet_service.fraud.judged import JudgedAs, JudgementRecord, SubjectKind
from wallet_service.fraud.judgements import record_judgements
from wallet_service.fraud.model import PaceLimits
from wallet_service.fraud.rings.service import Rings
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger import commands as say
from wallet_service.ledger.model import Order
from wallet_service.review.carrying import Carrying
from wallet_service.review.holding import Holding
from wallet_service.review.model import OPEN_STATES, Case, CaseFilter, CaseState, Decision, Policy, Reviewer
from wallet_service.review.opening import Opening
from wallet_service.review.policy import case_id_of
from wallet_service.review.service import Outcome, Review
from wallet_service.review.store import FIRST
from wallet_service.review.worker import ReviewWorker

RITA, RALF, SENIOR = Reviewer(name="rita"), Reviewer(name="ralf"), Reviewer(name="sina", senior=True)
SECOND = 1_000_000


def new_id() -> str:
    return str(uuid.uuid4())


class Office:
    """What the tests of review say."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        # Whatever is worth more than 100.00 is doubted.
        shop.limits = PaceLimits(review_value_minor=10_000)
        self.carrying = Carrying(shop.db, shop.ledger, shop.earning)
        self.rings = Rings(shop.db)
        self.review = Review(shop.db, shop.ledger, self.carrying, self.rings)
        self.worker = self.another_worker()

    def another_worker(self) -> ReviewWorker:
        shop = self.shop
        opening = Opening(shop.db, shop.ledger, self.rings)
        return ReviewWorker(shop.db, opening, self.carrying, Holding(shop.ledger), 1)

    async def rules(self, **terms) -> Policy:
        done = await self.review.put_policy(
            PROGRAM, Policy(**terms), None, "boss", "as we like it", self.soon()
        )
        assert not isinstance(done, Refusal), done
        return done

    @staticmethod
    def soon() -> float:
        return Shop.soon()

    # What is doubted.

    async def customer(self, name: str = "anna", gives: int = 100_000) -> str:
        wallet_id = await self.shop.customer(name)
        await self.shop.give(wallet_id, gives)
        return wallet_id

    async def doubt(self, wallet_id: str, reservation_id: str, amount: int, **more) -> None:
        said = {
            "wallet_id": wallet_id, "subject_kind": SubjectKind.RESERVATION, "subject_id": reservation_id,
            "program_id": PROGRAM, "verdict": JudgedAs.REVIEW, "shadow_verdict": JudgedAs.REVIEW,
            "reasons": ("HIGH_VALUE", "NEW_DEVICE"), "signals": {"amount_day": 50_000, "devices": ["d1"]},
            "policy_version": 3, "amount_minor": amount,
        }  # fmt: skip
        record = JudgementRecord(**{**said, **more})
        await record_judgements(self.shop.db, [record], timeout_seconds=5)

    async def reserve(self, wallet_id: str, amount: int, *, ttl: int = 7_200, review: bool = True) -> str:
        reservation_id = new_id()
        outcome = await self.shop.ledger.submit(
            say.Reserve(
                wallet_id=wallet_id, reservation_id=reservation_id, amount=amount, value_minor=amount,
                order=Order(order_ref="order-1", total_minor=1_000_000, currency="EUR"), device="", ttl_seconds=900,
                review=review, review_ttl_seconds=ttl,
            ),
            self.soon(),
        )  # fmt: skip
        assert not isinstance(outcome, Refusal), outcome
        return reservation_id

    async def doubted(self, wallet_id: str, amount: int = 40_000, *, ttl: int = 7_200) -> tuple[str, str]:
        """A hold under review and its case."""
        reservation_id = await self.reserve(wallet_id, amount, ttl=ttl)
        await self.doubt(wallet_id, reservation_id, amount)
        await self.worker.work()
        return reservation_id, case_id_of(wallet_id, SubjectKind.RESERVATION, reservation_id)

    async def commit(self, wallet_id: str, reservation_id: str) -> Reason | None:
        outcome = await self.shop.ledger.submit(
            say.Commit(
                wallet_id=wallet_id,
                reservation_id=reservation_id,
                commit_id=new_id(),
                amount=None,
                final=True,
            ),
            self.soon(),
        )
        return outcome.reason if isinstance(outcome, Refusal) else None

    async def release(self, wallet_id: str, reservation_id: str) -> Reason | None:
        outcome = await self.shop.ledger.submit(
            say.Release(wallet_id=wallet_id, reservation_id=reservation_id), self.soon()
        )
        return outcome.reason if isinstance(outcome, Refusal) else None

    async def hold(self, wallet_id: str, reservation_id: str):
        found = await self.shop.ledger.reservation(wallet_id, reservation_id, self.soon())
        assert not isinstance(found, Refusal), found
        return found

    # Those who decide.

    async def case(self, case_id: str) -> Case:
        found = await self.review.case(case_id, self.soon())
        assert not isinstance(found, Refusal), found
        return found[0].case

    async def acts(self, case_id: str) -> list[str]:
        found = await self.review.case(case_id, self.soon())
        assert not isinstance(found, Refusal), found
        return [str(act.kind) for act in reversed(found[1])]

    async def cases(self, *states: CaseState, **more) -> list[Case]:
        chosen = CaseFilter(states=states or tuple(OPEN_STATES), **more)
        return [found.case for found in await self.review.cases(chosen, FIRST, 500, self.soon())]

    async def decide(
        self, case_id: str, by: Reviewer = RITA, *, approve: bool, reason: str = "looked at", as_id: str = ""
    ) -> Outcome | Refusal:
        decision = Decision(case_id=case_id, operation_id=as_id or new_id(), approve=approve, reason=reason)
        return await self.review.decide(decision, by, self.soon())

    async def labels(self) -> list[str]:
        rows = await self.shop.db.fetch("select label from review.label order by label", timeout_seconds=5)
        return [row[0] for row in rows]

    async def is_sound(self) -> None:
        await self.shop.is_sound()


def said(outcome: Outcome | Refusal) -> Reason | CaseState:
    """A refusal's reason, or the state of the case."""
    return outcome.reason if isinstance(outcome, Refusal) else outcome.case.state


@asynccontextmanager
async def opened_office(database_url: str, redis_url: str) -> AsyncIterator[Office]:
    async with opened(database_url, redis_url) as shop:
        await shop.begin()
        shop.limits = PaceLimits(review_value_minor=10_000)
        shop.pipeline = shop.worker()
        office = Office(shop)
        try:
            yield office
        finally:
            await office.rings.close()
