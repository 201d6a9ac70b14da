"""How often and how long a call is repeated: always with the same id, always inside its deadline."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from wallet_client.errors import Answer, OutcomeUnknown, TurnedAway, WalletError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Bounds of repetition. Pauses double from the first to the longest, half of each is random."""

    attempts_max: int = 10
    pause_seconds: float = 0.02
    pause_seconds_max: float = 0.5

    def pause(self, error: WalletError, attempt: int, remaining_seconds: float) -> float | None:
        """Return how long to wait before the next attempt; None when there must be none."""
        asked = error.answer.retry_after_seconds
        pushed_back = asked is not None and error.status is grpc.StatusCode.RESOURCE_EXHAUSTED
        if not (error.transient or pushed_back):
            return None
        if asked is not None and asked < 0:
            return None
        return self.rest(attempt, remaining_seconds, asked_seconds=asked or 0.0)

    def rest(self, attempt: int, remaining_seconds: float, *, asked_seconds: float = 0.0) -> float | None:
        """Return the pause after an attempt, whatever ended it; None when the bounds are reached."""
        longest = min(self.pause_seconds * 2.0 ** (attempt - 1), self.pause_seconds_max)
        # Callers that failed together must not come back together.
        pause = max(asked_seconds, longest / 2) + random.uniform(0, longest / 2)  # noqa: S311
        return pause if attempt < self.attempts_max and pause < remaining_seconds else None


async def repeated(
    attempt: Callable[[], Awaitable[T]],
    retries: Retries,
    deadline: float,
    *,
    failed: WalletError | None = None,
    repeat_unknown: bool = True,
) -> T:
    """Return the first answer; raise the first definite refusal, or the last failure when time is up.

    `failed` is the end of a first attempt that the caller made. `repeat_unknown=False` is for calls without an id:
    they are repeated only when nothing was done.
    """
    clock = asyncio.get_running_loop().time
    doubtful = False
    attempts = 0
    while True:
        attempts += 1
        if failed is None:
            try:
                return await attempt()
            except WalletError as error:
                failed = error
        unknown = isinstance(failed, OutcomeUnknown)
        pause = retries.pause(failed, attempts, deadline - clock())
        if pause is None or (unknown and not repeat_unknown):
            if doubtful and isinstance(failed, TurnedAway):
                # This attempt did nothing, but an earlier one may have: "refused" would be a lie.
                raise OutcomeUnknown(_in_doubt(failed)) from failed
            raise failed
        doubtful = doubtful or unknown
        failed = None
        await asyncio.sleep(pause)


def _in_doubt(error: WalletError) -> Answer:
    message = f"An earlier attempt may have been done; the last one ended with: {error}"
    return Answer(status=error.status, reason="OUTCOME_UNKNOWN", message=message)
