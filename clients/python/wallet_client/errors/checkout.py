"""What a quote or a program's policy refuses."""

from __future__ import annotations

from wallet_client.errors.roots import Refused


class QuoteRefused(Refused):
    """The quote token does not open this reservation."""


class QuoteInvalid(QuoteRefused, reason="QUOTE_INVALID"):
    """The token was not made by this service."""


class QuoteMismatch(QuoteRefused, reason="QUOTE_MISMATCH"):
    """The quote was made for another wallet, order, amount or policy."""


class QuoteExpired(QuoteRefused, reason="QUOTE_EXPIRED"):
    """The quote has expired; ask for a new one."""


class PolicyRefused(Refused):
    """The program's policy does not allow it for this order."""


class CurrencyMismatch(PolicyRefused, reason="CURRENCY_MISMATCH"):
    """The order is in another currency than the program."""


class TtlOutOfRange(PolicyRefused, reason="TTL_OUT_OF_RANGE"):
    """The program does not allow holding for so long."""


class BelowMinimumPurchase(PolicyRefused, reason="BELOW_MINIMUM_PURCHASE"):
    """The order is too small."""


class BelowMinimumRedemption(PolicyRefused, reason="BELOW_MINIMUM_REDEMPTION"):
    """The amount is below the smallest redemption."""


class AboveMaximumRedemption(PolicyRefused, reason="ABOVE_MAXIMUM_REDEMPTION"):
    """The amount is above the largest redemption."""


class AboveMaximumShare(PolicyRefused, reason="ABOVE_MAXIMUM_SHARE"):
    """The amount is above the share of the order that may be paid."""


class NotAStep(PolicyRefused, reason="NOT_A_STEP"):
    """The amount is not a multiple of the program's step."""
