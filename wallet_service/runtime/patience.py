"""How long may a call be expected to wait before it is better refused at once. Pure.

Under overload a queue that is served in order, and drops only what is already late, spends all its strength on what is
about to be late. So what would wait too long is refused while its caller can still go on.
"""

from __future__ import annotations

from typing import Final

BEGINNING_SHARE: Final = 0.125
FINISHING_SHARE: Final = 0.9
"""The part of its time that a call may be expected to wait. Little for a Reserve, which begins something: who begins will want
to finish. With a half, a third of capacity was left of the useful work under three times its load; with an eighth,
nearly all of it."""


def is_too_long(wait_seconds: float, left_seconds: float, *, finishes: bool) -> bool:
    """Whether a wait would leave a caller too little of the time that it has left."""
    return wait_seconds > (FINISHING_SHARE if finishes else BEGINNING_SHARE) * left_seconds
