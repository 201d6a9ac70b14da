"""One loyalty programme: its asset, its policies, its clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.model import OPEN_RESERVATIONS_DEFAULT, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionPolicy:
    """What a checkout may take. Amounts in asset units, but for the purchase, which is in the order's currency."""

    minimum_purchase_minor: int = 0
    minimum_redemption_minor: int = 0
    maximum_redemption_minor: int = 0
    """0: no bound but the order and the balance."""
    maximum_share_bp: int = 10_000
    step_minor: int = 1
    quote_ttl_seconds: int = 300
    reservation_ttl_seconds: int = 900
    reservation_ttl_seconds_max: int = 86_400
    commit_grace_seconds: int = 0
    open_reservations_max: int = OPEN_RESERVATIONS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program as it is now. `version` counts its changes; 0 is one that does not exist yet."""

    program_id: ProgramId
    display_name: str
    sandbox: bool
    asset: str
    exponent: int
    currency: str
    rate_numerator: int
    rate_denominator: int
    redemption: RedemptionPolicy
    floor_minor: int = 0
    version: int = 0
    clock_at: Instant | None = None
    """A sandbox's test clock: time stands still there until it is advanced. None: the database's clock."""

    def terms(self) -> Terms:
        """Return what the ledger needs to know."""
        return Terms(
            floor_minor=self.floor_minor,
            commit_grace_seconds=self.redemption.commit_grace_seconds,
            open_reservations_max=self.redemption.open_reservations_max,
        )


_MONEY = ("sandbox", "asset", "exponent", "currency", "rate_numerator", "rate_denominator")


def refusal_to_change(old: Program | None, new: Program, expected_version: int | None) -> Refusal | None:
    """Return why a program cannot become another: its money is what wallets were promised."""
    redemption = new.redemption
    if redemption.reservation_ttl_seconds > redemption.reservation_ttl_seconds_max:
        return Refusal(reason=Reason.FIELD_INVALID, field="program.redemption.reservation_ttl_seconds")
    highest = redemption.maximum_redemption_minor
    if highest and highest < max(redemption.minimum_redemption_minor, redemption.step_minor):
        return Refusal(reason=Reason.FIELD_INVALID, field="program.redemption.maximum_redemption_minor")
    version = old.version if old is not None else 0
    if expected_version is not None and expected_version != version:
        return Refusal(
            reason=Reason.VERSION_MISMATCH, field="expected_version", facts={"version": str(version)}
        )
    for name in _MONEY:
        if old is not None and getattr(old, name) != getattr(new, name):
            return Refusal(
                reason=Reason.PROGRAM_IMMUTABLE, field=f"program.{'mode' if name == 'sandbox' else name}"
            )
    return None


def refusal_to_advance(program: Program, to: Instant) -> Refusal | None:
    """Return why a clock cannot be set. The first setting may be any moment; after that it only moves forward."""
    if not program.sandbox:
        return Refusal(reason=Reason.CLOCK_IS_LIVE, field="program_id")
    if program.clock_at is not None and to < program.clock_at:
        return Refusal(reason=Reason.CLOCK_BACKWARDS, field="to")
    return None
