"""When a person is asked about a ring again. Pure.

Once for each ring would be too seldom: what was nine wallets may be a hundred by now. For each wallet that comes would
be too often. So: when it has doubled since it was last told, or has taken in another that somebody was told of.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from wallet_service.fraud.rings.model import RingId, Telling

TELLINGS_MAX: Final = 64
"""Of one ring so many are remembered: it cannot double as often."""
GROWN: Final = 2


def next_telling(ring_id: RingId, wallets: int, earlier: Sequence[Telling]) -> str | None:
    """Return the subject to tell a ring as, given what was told of it, the latest first; None: not again yet.

    The same subject until it has been told, so that telling twice is telling once.
    """
    if not earlier:
        return ring_id
    last = earlier[0]
    known = {last.name, *last.earlier}
    taken_in = any(telling.name not in known for telling in earlier)
    if wallets < GROWN * last.wallets and not taken_in:
        return None
    return str(uuid.uuid5(uuid.UUID(ring_id), last.name))
