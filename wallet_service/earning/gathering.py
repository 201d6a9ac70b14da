"""What a round reads before it decides: one statement of each kind for all its wallets, laid out on a desk for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from wallet_service.earning import store
from wallet_service.earning.budgets import Budgets
from wallet_service.earning.courtesy import Courtesy
from wallet_service.earning.desk import Desk
from wallet_service.earning.judging import attempts_of
from wallet_service.earning.model import EARNED, Event, EventId, EventKind, EventState
from wallet_service.earning.policies import Policies
from wallet_service.earning.policy import caps_of
from wallet_service.earning.rounds import Round
from wallet_service.fraud.model import PaceLimits
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.rules.compiler import Compiled
from wallet_service.rules.model import STRANGER, Period, Profile
from wallet_service.runtime.session import Statements

_SECONDS: Final = 5.0


class RulesetSource(Protocol):
    """Who knows which rules hold when, and who belongs to which segments."""

    def at(self, program_id: ProgramId, moment: Instant) -> Compiled | None:
        """Return the ruleset of a program that is in force at a moment; None if there is none."""

    async def profiles_of(
        self, program_id: ProgramId, customer_refs: Sequence[str], *, timeout_seconds: float
    ) -> Mapping[str, Profile]:
        """Return what is recorded of each of these customers of whom something is."""


class Gathering:
    """Reads for the rounds of a worker."""

    def __init__(
        self, db: Statements, rules: RulesetSource, policies: Policies, limits: PaceLimits, fraud: Fraud,
        courtesy: Courtesy,
    ) -> None:  # fmt: skip
        self._db = db
        self._rules = rules
        self._policies = policies
        self._limits = limits
        self._fraud = fraud
        self._courtesy = courtesy

    async def gather(self, work: Round, budgets: Budgets) -> None:
        """Read everything that the decisions need."""
        work.due = await store.read_due(self._db, work.claims, work.events_max, timeout_seconds=_SECONDS)
        orders = _orders_of(work.due)
        if orders:
            work.related = await store.read_purchases(self._db, orders, timeout_seconds=_SECONDS)
        if not any(event.state is EventState.HELD for event in work.due):
            return
        bought = [e for e in work.due if e.state is EventState.HELD and e.kind is EventKind.PURCHASE]
        if bought:
            work.elsewhere = await store.read_orders_elsewhere(self._db, bought, timeout_seconds=_SECONDS)
        work.owing = await store.read_indebted(self._db, work.wallets, timeout_seconds=_SECONDS)
        window = self._limits.window_seconds
        work.pace = await store.read_pace(self._db, work.claims, window, timeout_seconds=_SECONDS)
        for program_id in {claim.program_id for claim in work.claims}:
            named = {c.customer_ref: c.wallet_id for c in work.claims if c.program_id == program_id}
            found = await self._rules.profiles_of(program_id, list(named), timeout_seconds=_SECONDS)
            work.profiles |= {named[ref]: profile for ref, profile in found.items()}
        work.used = await self._used(work, budgets)
        ruled = attempts_of(work.due, self._fraud.policies)
        gathered = await self._fraud.gather(ruled)
        for (attempt, _), signals in zip(ruled, gathered, strict=True):
            work.signals.setdefault(attempt.wallet_id, {})[EventId(attempt.subject_id)] = signals

    async def _used(self, work: Round, budgets: Budgets) -> dict[WalletId, dict[str, int]]:
        desks = self.desks(work, budgets)
        keys: set[str] = set()
        self._courtesy.begin()
        for event in work.due:
            if event.state is EventState.HELD and event.kind is not EventKind.RETURN:
                found = caps_of(desks[event.wallet_id], event.content)
                keys |= {key.key for key in found if key.period is not Period.BUDGET}
                await self._courtesy.pause()
        if not keys:
            return {}
        return await store.read_cap_use(self._db, work.wallets, keys, timeout_seconds=_SECONDS)

    def desks(self, work: Round, budgets: Budgets) -> dict[WalletId, Desk]:
        """Lay out what was read, and what the worker has in hand of budgets, wallet by wallet."""
        desks: dict[WalletId, Desk] = {}
        in_hand = {
            program_id: budgets.in_hand(program_id) for program_id in {c.program_id for c in work.claims}
        }
        for claim in work.claims:
            pace = work.pace.get(claim.wallet_id)
            program_id = claim.program_id
            left, limits = in_hand[program_id]
            in_force = self._fraud.policies.of(program_id)
            desks[claim.wallet_id] = Desk(
                now=claim.now, policy=self._policies.of(program_id), limits=self._limits,
                rules=partial(self._rules.at, program_id),
                profile=work.profiles.get(claim.wallet_id, STRANGER),
                used=dict(work.used.get(claim.wallet_id, {})), budgets=left, budget_limits=limits,
                has_bought=pace.bought if pace else False, window_events=pace.events if pace else 0,
                window_value_minor=pace.value_minor if pace else 0, asked=work.asked,
                fraud=None if in_force is None else in_force.judge, signals=work.signals.get(claim.wallet_id, {}),
            )  # fmt: skip
        purchases: list[Event] = []
        for event in (*work.related, *work.owing, *work.due):
            desks[event.wallet_id].events[event.event_id] = event
            work.known.setdefault(event.key, event.result)
            if event.kind is EventKind.PURCHASE:
                purchases.append(event)
        for event in sorted(purchases, key=_precedence):
            desks[event.wallet_id].orders.setdefault(event.content.order_ref, event.event_id)
        for wallet_id, order_ref in work.elsewhere:
            desks[wallet_id].elsewhere.add(order_ref)
        for event in work.owing:
            desks[event.wallet_id].owing.append(event.event_id)
        return desks


def _orders_of(due: Sequence[Event]) -> dict[store.OrderKey, EventId | None]:
    """Return the orders of which the other purchases must be known, each with one that is known already.

    What only matures needs to know nothing of its order.
    """
    orders: dict[store.OrderKey, EventId | None] = {}
    for event in due:
        if event.content.order_ref and event.state is not EventState.CREDITED:
            key = (event.wallet_id, event.content.order_ref)
            orders[key] = event.event_id if event.kind is EventKind.PURCHASE else orders.get(key)
    return orders


def _precedence(purchase: Event) -> tuple[bool, Instant, EventId]:
    """Return what orders purchases of one order: the one that earned comes first, then the one that came in first."""
    return purchase.state not in EARNED, purchase.received_at, purchase.event_id
