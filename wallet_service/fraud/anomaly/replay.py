"""A wallet's past redemptions, told again one after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from wallet_service.fraud.anomaly.features import after, features_of
from wallet_service.fraud.anomaly.model import Attempt, Features, Profile, Redemption
from wallet_service.kernel.clock import Instant


def attempt_of(redemption: Redemption) -> Attempt:
    """Return a redemption as it was asked for."""
    return Attempt(
        wallet_id=redemption.wallet_id, amount=redemption.amount, at=redemption.at,
        devices=(redemption.device,) if redemption.device else (),
    )  # fmt: skip


def replayed(opened_at: Instant, redemptions: Sequence[Redemption]) -> Iterator[tuple[Redemption, Features]]:
    """Yield each redemption with what it looked like at its time."""
    profile = Profile(opened_at=opened_at, available=0)
    for redemption in redemptions:
        profile = _standing(profile, redemption.available)
        yield redemption, features_of(profile, attempt_of(redemption))
        profile = after(profile, attempt_of(redemption), redemption.available - redemption.amount)


def profile_of(opened_at: Instant, available: int, redemptions: Sequence[Redemption]) -> Profile:
    """Return the profile of a wallet whose last redemptions these are."""
    profile = Profile(opened_at=opened_at, available=0)
    for redemption in redemptions:
        profile = after(profile, attempt_of(redemption), redemption.available - redemption.amount)
    return _standing(profile, available)


def _standing(profile: Profile, available: int) -> Profile:
    return replace(profile, available=available)
