"""Short signed texts: quotes and page tokens. HMAC-SHA256, a key id in front so that keys can rotate. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MAC_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyRing:
    """Keys by id; `current` signs, all of them verify. Not printable."""

    keys: Mapping[str, bytes]
    current: str

    def sign(self, purpose: str, payload: bytes) -> str:
        """Return a token of that payload; a token made for one purpose is nothing for another."""
        mac = self._mac(self.current, purpose, payload)
        return f"{self.current}.{_encoded(payload)}.{_encoded(mac)}"

    def verify(self, purpose: str, token: str) -> bytes | None:
        """Return the payload of a token that one of the keys signed for this purpose, or None."""
        parts = token.split(".")
        if len(parts) != 3 or parts[0] not in self.keys or not token.isascii():  # noqa: PLR2004
            return None
        try:
            payload, mac = _decoded(parts[1]), _decoded(parts[2])
        except (binascii.Error, ValueError):
            return None
        return payload if hmac.compare_digest(mac, self._mac(parts[0], purpose, payload)) else None

    def _mac(self, key_id: str, purpose: str, payload: bytes) -> bytes:
        return hmac.digest(self.keys[key_id], purpose.encode() + b"\0" + payload, "sha256")[:_MAC_BYTES]


def keyed_hash(key: bytes, text: str) -> str:
    """Return what is kept of a text that must not be kept: 32 hex digits; empty for an empty text."""
    return hmac.digest(key, text.encode(), "sha256")[:_MAC_BYTES].hex() if text else ""


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encoded(raw) != text:
        # Another spelling of the same bytes: one payload has one token.
        raise ValueError("not in canonical form")
    return raw
