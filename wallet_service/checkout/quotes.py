"""Quote tokens: an offer, signed, bound to wallet, order and amount. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from wallet_service.checkout.model import QuoteContent
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import WalletId
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.model import Order

_PURPOSE: Final = "quote"


def seal(content: QuoteContent, keys: KeyRing) -> str:
    """Return the token of a quote."""
    order = content.order
    said = [
        content.wallet_id, order.order_ref, order.total_minor, order.currency, content.amount, content.value_minor,
        content.expires_at,
    ]  # fmt: skip
    return keys.sign(_PURPOSE, msgspec.json.encode(said))


def open_token(token: str, keys: KeyRing) -> QuoteContent | Refusal:
    """Return what a token promises, if this service made it."""
    payload = keys.verify(_PURPOSE, token)
    if payload is None:
        return Refusal(reason=Reason.QUOTE_INVALID, field="quote_token")
    said = msgspec.json.decode(payload)
    return QuoteContent(
        wallet_id=WalletId(said[0]), order=Order(order_ref=said[1], total_minor=said[2], currency=said[3]),
        amount=said[4], value_minor=said[5], expires_at=Instant(said[6]),
    )  # fmt: skip


def refusal_to_use(content: QuoteContent, wallet_id: WalletId, order: Order, amount: int) -> Refusal | None:
    """Return why a quote does not cover a reservation."""
    if content.wallet_id != wallet_id:
        return Refusal(reason=Reason.QUOTE_MISMATCH, field="wallet")
    if content.order != order:
        return Refusal(reason=Reason.QUOTE_MISMATCH, field="order")
    if amount > content.amount:
        return Refusal(
            reason=Reason.QUOTE_MISMATCH, field="amount_minor", facts={"quoted_minor": str(content.amount)}
        )
    return None
