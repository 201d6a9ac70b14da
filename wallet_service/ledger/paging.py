"""Page tokens: where a page ended, signed and bound to the request that it continues."""

from __future__ import annotations

from hashlib import sha256

from wallet_service.kernel.errors import Reason, refuse
from wallet_service.kernel.signing import KeyRing


class PageTokens:
    """Seals and opens the positions of pages."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, list_name: str, shape: str, position: str) -> str:
        """Return the token of a position in a list of that shape (its wallet, filters and direction)."""
        return self._keys.sign(f"page:{list_name}", f"{_digest(shape)}|{position}".encode())

    def open(self, list_name: str, shape: str, token: str) -> str | None:
        """Return the position of a token, None if there is none; refuses what was not made for this request."""
        if not token:
            return None
        payload = self._keys.verify(f"page:{list_name}", token)
        digest, _, position = (payload or b"").decode().partition("|")
        if payload is None or digest != _digest(shape):
            raise refuse(Reason.PAGE_TOKEN_INVALID, "page_token")
        return position


def _digest(shape: str) -> str:
    return sha256(shape.encode()).hexdigest()[:16]
