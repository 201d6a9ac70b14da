"""Nothing was decided: the call was turned away at the door, or before the wallet was asked."""

from __future__ import annotations

from wallet_client.errors.roots import NotNow, TurnedAway


class ShuttingDown(NotNow, reason="SHUTTING_DOWN"):
    """This process is draining."""


class Overloaded(NotNow, reason="OVERLOADED"):
    """Too much is in flight, in the service or in this client."""


class DatabaseUnavailable(NotNow, reason="DATABASE_UNAVAILABLE"):
    """The database of the service does not answer."""


class Contention(NotNow, reason="CONTENTION"):
    """The wallet changed faster than the call could be decided."""


class DeadlinePassed(TurnedAway, reason="DEADLINE_EXCEEDED"):
    """The deadline passed before the work was begun; nothing was done."""


class NotAllowed(TurnedAway):
    """The token does not open this door."""


class TokenMissing(NotAllowed, reason="TOKEN_MISSING"):
    """The call carries no bearer token."""


class TokenInvalid(NotAllowed, reason="TOKEN_INVALID"):
    """The bearer token cannot be trusted."""


class TokenExpired(NotAllowed, reason="TOKEN_EXPIRED"):
    """The bearer token has expired or is not valid yet."""


class ScopeMissing(NotAllowed, reason="SCOPE_MISSING"):
    """The token lacks the scope of this method."""


class Malformed(TurnedAway):
    """The request cannot be right, whatever the state of the wallet."""


class MessageInvalid(Malformed, reason="MESSAGE_INVALID"):
    """The message cannot be read."""


class FieldInvalid(Malformed, reason="FIELD_INVALID"):
    """A field holds a value that it cannot have."""


class PageTokenInvalid(Malformed, reason="PAGE_TOKEN_INVALID"):
    """The page token was not made for this request."""
