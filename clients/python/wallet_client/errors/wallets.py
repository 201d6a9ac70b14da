"""What a wallet, its reservations and its credits refuse."""

from __future__ import annotations

from wallet_client.errors.roots import BoundReached, NotFound, NotNow, Refused


class WalletNotFound(NotFound, reason="WALLET_NOT_FOUND"):
    """There is no such wallet, or it is not yours."""


class ReservationNotFound(NotFound, reason="RESERVATION_NOT_FOUND"):
    """The wallet has no such reservation."""


class CreditNotFound(NotFound, reason="CREDIT_NOT_FOUND"):
    """The wallet has no such credit."""


class IdReused(Refused, reason="ID_REUSED"):
    """The id was used before with other content; nothing changed."""


class WalletRefused(Refused):
    """The state of the wallet does not allow it."""


class WalletClosed(WalletRefused, reason="WALLET_CLOSED"):
    """The wallet is closed."""


class WalletFrozen(WalletRefused, reason="WALLET_FROZEN"):
    """Nothing new may be reserved."""


class VersionMismatch(WalletRefused, reason="VERSION_MISMATCH"):
    """The wallet or program has changed since the version that was expected."""


class WalletNotEmpty(WalletRefused, reason="WALLET_NOT_EMPTY"):
    """The wallet still holds value."""


class ReservationEnded(Refused):
    """The reservation does not hold what is asked of it."""


class ReservationRefused(ReservationEnded, reason="RESERVATION_REFUSED"):
    """It was refused from the start."""


class ReservationCommitted(ReservationEnded, reason="RESERVATION_COMMITTED"):
    """It was committed before."""


class ReservationReleased(ReservationEnded, reason="RESERVATION_RELEASED"):
    """It was released before."""


class ReservationExpired(ReservationEnded, reason="RESERVATION_EXPIRED"):
    """It has expired; its value is free again."""


class CommitAboveReservation(ReservationEnded, reason="COMMIT_ABOVE_RESERVATION"):
    """The commit is larger than what is still held."""


class TooManyCommits(ReservationEnded, reason="TOO_MANY_COMMITS"):
    """The reservation has as many parts as one may have."""


class InsufficientBalance(BoundReached, reason="INSUFFICIENT_BALANCE"):
    """The wallet does not have so much to spend."""


class TooManyReservations(BoundReached, reason="TOO_MANY_RESERVATIONS"):
    """The wallet has as many open reservations as the program allows."""


class TooManyLots(BoundReached, reason="TOO_MANY_LOTS"):
    """The wallet has as many lots as it may have."""


class AmountOutOfRange(BoundReached, reason="AMOUNT_OUT_OF_RANGE"):
    """The balance would leave the range of amounts."""


class BelowFloor(BoundReached, reason="BELOW_FLOOR"):
    """The balance would fall below the program's floor."""


class ExpiryInThePast(BoundReached, reason="EXPIRY_IN_THE_PAST"):
    """The value would have expired before it was given."""


class CreditNotPending(BoundReached, reason="CREDIT_NOT_PENDING"):
    """The credit is not pending any more."""


class AboveCredit(BoundReached, reason="ABOVE_CREDIT"):
    """More is taken back than the credit has left."""


class AboveCommitted(BoundReached, reason="ABOVE_COMMITTED"):
    """More is given back than was spent."""


class WatchTooSlow(NotNow, reason="WATCH_TOO_SLOW"):
    """The watcher reads too slowly."""


class VersionUnknown(Refused, reason="VERSION_UNKNOWN"):
    """The wallet has not reached this version."""
