"""Past events as rules saw them, in order of time, read page by page: what a backtest replays. Reads only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection
from functools import partial
from typing import Final

from msgspec import Struct

from wallet_service.earning import caps
from wallet_service.earning.asking import basket_of
from wallet_service.earning.gathering import RulesetSource
from wallet_service.earning.model import Content, EventKind
from wallet_service.earning.store import history as past_events
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.service import left
from wallet_service.rules.beginning import Before
from wallet_service.rules.model import STRANGER, Customer, Profile
from wallet_service.rules.replay import CameBack, Past
from wallet_service.runtime.session import Session

PAGE: Final = 200
"""Events."""
USES_PAGE: Final = 500
CUSTOMERS_MAX: Final = 200_000
"""Kept in memory: whose they are, and whether they have bought before."""


class _Buyer(Struct):
    """A customer of whom something was read."""

    ref: str
    profile: Profile
    bought: bool


class History:
    """One per process; each reading has a session of its own, so that no other caller waits for it."""

    def __init__(self, open_session: Callable[[str], Session], rules: RulesetSource) -> None:
        self._open_session = open_session
        self._rules = rules

    async def pasts(
        self, program_id: ProgramId, begins: Instant, ends: Instant, deadline: float
    ) -> AsyncGenerator[Past | Refusal, None]:
        """Yield the events that were priced, from `begins` until before `ends`, in order of time.

        Segments and attributes are those of now. A refusal, as the last: there are too many customers.
        """
        session = self._open_session("backtest")
        buyers: dict[WalletId, _Buyer] = {}
        position = past_events.HistoryPosition(occurred_at=begins)
        try:
            while page := await past_events.read_history(
                session, program_id, position, ends, PAGE, timeout_seconds=left(deadline)
            ):
                unknown = {each.wallet_id for each in page if each.wallet_id not in buyers}
                if unknown:
                    buyers |= await self._buyers(session, program_id, unknown, begins, deadline)
                if len(buyers) > CUSTOMERS_MAX:
                    yield _too_large()
                    return
                for each in page:
                    yield _past(each, buyers[each.wallet_id])
                position = page[-1].position
        finally:
            await session.close()

    async def used_before(
        self, program_id: ProgramId, since: Instant, begins: Instant, deadline: float
    ) -> Before | Refusal:
        """Return what events from `since` until before `begins` used of caps and have not given back."""
        session = self._open_session("backtest")
        before = Before()
        position = past_events.HistoryPosition(occurred_at=since)
        try:
            while page := await past_events.read_uses(
                session, program_id, position, begins, USES_PAGE, timeout_seconds=left(deadline)
            ):
                for each in page:
                    before.count(each.customer_ref, each.by_cap)
                if len(before.customers) > CUSTOMERS_MAX:
                    return _too_large()
                position = page[-1].position
        finally:
            await session.close()
        return before

    async def _buyers(
        self,
        session: Session,
        program_id: ProgramId,
        wallets: Collection[WalletId],
        begins: Instant,
        deadline: float,
    ) -> dict[WalletId, _Buyer]:
        found = await past_events.read_buyers(session, wallets, begins, timeout_seconds=left(deadline))
        refs = [ref for _, ref, _ in found]
        profiles = await self._rules.profiles_of(program_id, refs, timeout_seconds=left(deadline))
        return {
            wallet_id: _Buyer(ref=ref, profile=profiles.get(ref, STRANGER), bought=bought)
            for wallet_id, ref, bought in found
        }


def _too_large() -> Refusal:
    facts = {"customers_max": str(CUSTOMERS_MAX)}
    return Refusal(reason=Reason.BACKTEST_TOO_LARGE, field="starts_at", facts=facts)


def _past(recorded: past_events.Recorded, buyer: _Buyer) -> Past:
    content = recorded.content
    purchase = content.kind is EventKind.PURCHASE
    customer = Customer(
        segments=buyer.profile.segments, attributes={**buyer.profile.attributes, **content.attributes},
        first_purchase=purchase and not buyer.bought,
    )  # fmt: skip
    buyer.bought = buyer.bought or purchase
    return Past(
        customer_ref=buyer.ref, moment=recorded.position.occurred_at, basket=basket_of(content), customer=customer,
        recorded=recorded.amount, came_back=_came_back(recorded, content),
    )  # fmt: skip


def _came_back(recorded: past_events.Recorded, content: Content) -> CameBack | None:
    back = recorded.back
    if back is None or content.purchase is None:
        return None
    return partial(caps.given_back, back=back, lines=content.purchase.lines)
