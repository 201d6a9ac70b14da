"""One wallet at work: all that is known of it while its due events are decided, and what is decided so far. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from wallet_service.earning.asking import Asked
from wallet_service.earning.model import Event, EventId, EventState, Policy, Return
from wallet_service.fraud.model import Judgement, PaceLimits, Signals
from wallet_service.fraud.policy import Judge
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.ids import uuid5
from wallet_service.rules.compiler import BUDGET_SCOPE, Compiled
from wallet_service.rules.model import STRANGER, CapKey, CapUse, Profile

RulesetAt = Callable[[Instant], Compiled | None]
_EVENTS: Final = uuid.UUID("0e7c39a1-6a5d-5d0f-8f0e-5f1a0d8c2b47")
"""The namespace of event ids. Never changes: what makes an event count once follows from it."""


def event_id_of(source: str, source_event_id: str) -> EventId:
    """Return the id of an event: UUIDv5 of its source and the source's own id."""
    # The length keeps a source that contains the separator apart from an id that does.
    return EventId(uuid5(_EVENTS, f"{len(source)}/{source}/{source_event_id}"))


def act_id_of(event_id: str, what: str) -> str:
    """Return the operation id of one act of an event, the same each time."""
    return uuid5(uuid.UUID(event_id), what)


@dataclass(slots=True, kw_only=True)
class Desk:
    """One wallet at work: what was gathered, and what has been decided so far."""

    now: Instant
    policy: Policy
    limits: PaceLimits
    rules: RulesetAt
    profile: Profile = STRANGER
    tier: str = ""
    events: dict[EventId, Event] = field(default_factory=dict)
    """Everything known of, as it is now; `changed` names what is to be written."""
    orders: dict[str, EventId] = field(default_factory=dict)
    """The purchase of each order: the first that came in."""
    elsewhere: set[str] = field(default_factory=set)
    """Orders of which the first purchase came in for another wallet of the program."""
    owing: list[EventId] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    budgets: dict[str, int] = field(default_factory=dict)
    """What the worker's own slices have left; shared by all desks of a batch."""
    budget_limits: dict[str, int] = field(default_factory=dict)
    """The largest budget under which they were taken."""
    has_bought: bool = False
    window_events: int = 0
    window_value_minor: int = 0
    fraud: Judge | None = None
    """Of a program that has none, `limits` are all there is."""
    signals: dict[EventId, Signals] = field(default_factory=dict)
    judged: dict[EventId, Judgement] = field(default_factory=dict)
    changed: set[EventId] = field(default_factory=set)
    uses: list[CapUse] = field(default_factory=list)
    """Of the customer's caps; negative: given back."""
    budget_uses: list[CapUse] = field(default_factory=list)
    refills: list[CapUse] = field(default_factory=list)
    """What goes back to budgets."""
    asked: dict[int, Asked] = field(default_factory=dict)
    """By the identity of the content; shared by all desks of a round."""
    shortages: dict[str, tuple[CapKey, int]] = field(default_factory=dict)
    """Budgets that trimmed an award here, and by how much: another slice may have it."""

    def put(self, event: Event) -> None:
        """Remember an event as it is from now on."""
        self.events[event.event_id] = event
        self.changed.add(event.event_id)

    def end(self, event: Event, state: EventState, reasons: tuple[str, ...]) -> None:
        """Let an event end in a state, for these reasons."""
        self.put(replace(event, state=state, due_at=NEVER, result=replace(event.result, reasons=reasons)))

    def bought(self, returned: Return) -> Event | None:
        """Return the purchase that a return is about, as it is now."""
        return self.events.get(self.orders.get(returned.order_ref, EventId("")))

    def poisoned(self, event: Event) -> bool:
        """Whether nobody can go on with an event, because it or the purchase that it is about cannot be read."""
        bought = self.bought(event.content.returned) if event.content.returned is not None else None
        return event.poisoned or (bought is not None and bool(bought.unread))

    def refilled(self, event: Event, given_back: Mapping[str, int]) -> Event:
        """Return an event that has given so much of each cap back in all; what it had not given yet goes back now."""
        before = {use.cap_key: use.amount for use in event.result.refilled}
        after = {key: max(amount, before.get(key, 0)) for key, amount in given_back.items()}
        for key, amount in after.items():
            by = amount - before.get(key, 0)
            if by:
                self._refill(key, by)
        uses = tuple(CapUse(cap_key=key, amount=amount) for key, amount in (before | after).items() if amount)
        return replace(event, result=replace(event.result, refilled=uses))

    def _refill(self, cap_key: str, amount: int) -> None:
        if cap_key.startswith(BUDGET_SCOPE):
            # It goes to the budget itself: which slice had paid it, and whether that is open still, is all the same.
            self.refills.append(CapUse(cap_key=cap_key, amount=amount))
            return
        self.uses.append(CapUse(cap_key=cap_key, amount=-amount))
        if cap_key in self.used:
            self.used[cap_key] -= amount
