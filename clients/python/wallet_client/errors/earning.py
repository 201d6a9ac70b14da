"""What is refused of an event."""

from __future__ import annotations

from wallet_client.errors.roots import BoundReached, NotFound, Refused


class EventNotFound(NotFound, reason="EVENT_NOT_FOUND"):
    """This wallet has no such event."""


class EventInFuture(Refused, reason="EVENT_IN_FUTURE"):
    """The event lies further ahead than clocks differ."""


class EventTooOld(Refused, reason="EVENT_TOO_OLD"):
    """The event is older than the program takes in."""


class EventNotDead(Refused, reason="EVENT_NOT_DEAD"):
    """The event was not given up on, or goes on already."""


class EventBeyondRetry(Refused, reason="EVENT_BEYOND_RETRY"):
    """To try the event again would leave value behind."""


class ReturnAbovePurchase(BoundReached, reason="RETURN_ABOVE_PURCHASE"):
    """More comes back than was bought."""
