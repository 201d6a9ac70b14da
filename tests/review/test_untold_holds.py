"""A hold under review whose judgement was never written, because its process died, gets its case all the same."""

from __future__ import annotations

from office import RITA, Office, new_id

from wallet_service.ledger.model import ReviewState
from wallet_service.review.holding import Holding
from wallet_service.review.model import CaseState
from wallet_service.review.opening import Opening
from wallet_service.review.policy import case_id_of
from wallet_service.review.untold import UNTOLD_SECONDS, Untold
from wallet_service.review.worker import ReviewWorker


class Worker:
    """A worker with a clock that the test sets."""

    def __init__(self, office: Office) -> None:
        shop, self.seconds = office.shop, 0.0
        untold = Untold(shop.db, lambda: self.seconds)
        self._worker = ReviewWorker(
            shop.db,
            Opening(shop.db, shop.ledger, office.rings, untold),
            office.carrying,
            Holding(shop.ledger),
            1,
        )

    async def work(self, after: float = 0) -> int:
        self.seconds += after
        before = self._worker.opened
        await self._worker.work()
        return self._worker.opened - before


async def test_a_hold_of_which_nobody_told_gets_a_case_that_can_be_decided(office: Office):
    worker = Worker(office)
    anna = await office.customer()
    reservation_id = await office.reserve(anna, 40_000)  # and its process dies
    assert await worker.work() == 0
    assert await worker.work(UNTOLD_SECONDS - 1) == 0
    assert await worker.work(1) == 1
    case = await office.case(case_id_of(anna, "reservation", reservation_id))
    assert (case.state, case.amount, case.reasons) == (CaseState.OPEN, 40_000, ("HELD_FOR_REVIEW",))
    assert case.evidence.available == 60_000
    await office.decide(case.case_id, RITA, approve=True)
    assert (await office.hold(anna, reservation_id)).review is ReviewState.APPROVED
    assert await worker.work(UNTOLD_SECONDS) == 0
    await office.is_sound()


async def test_what_is_told_meanwhile_has_the_reasons_that_were_told(office: Office):
    worker = Worker(office)
    anna = await office.customer()
    reservation_id = await office.reserve(anna, 40_000)
    assert await worker.work() == 0
    await office.doubt(anna, reservation_id, 40_000)
    assert await worker.work(UNTOLD_SECONDS) == 1
    case = await office.case(case_id_of(anna, "reservation", reservation_id))
    assert case.reasons == ("HIGH_VALUE", "NEW_DEVICE")


async def test_holds_that_wait_for_nobody_and_those_that_ended_get_none(office: Office):
    worker = Worker(office)
    anna = await office.customer()
    await office.reserve(anna, 1_000, review=False)
    released = await office.reserve(anna, 2_000)
    assert await worker.work() == 0
    assert await office.release(anna, released) is None
    assert await worker.work(UNTOLD_SECONDS) == 0
    assert await office.cases() == []


async def test_every_wallet_is_looked_through_page_by_page_and_again(office: Office, monkeypatch):
    monkeypatch.setattr("wallet_service.review.untold.WALLETS", 2)
    worker = Worker(office)
    wallets = [await office.customer(f"customer-{new_id()}") for _ in range(7)]
    for _ in range(2):
        for wallet_id in wallets:
            await office.reserve(wallet_id, 1_000)
        # Five rounds pass all pages; a suspect is looked at again whichever page it was on.
        opened = [await worker.work(UNTOLD_SECONDS) for _ in range(6)]
        assert sum(opened) == 7, opened
    assert len(await office.cases()) == 14
