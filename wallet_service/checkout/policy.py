"""How much of an order a wallet may pay, and why not more. Pure; whole numbers only."""

from __future__ import annotations

from typing import Final

from wallet_service.checkout.model import Limit, LimitKind, Offer
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import AMOUNT_MAX, Order, Wallet, WalletState
from wallet_service.ledger.program import Program

SHARE_WHOLE_BP: Final = 10_000


def value_of(amount: int, program: Program) -> int:
    """Return the money value of an amount of the asset, rounded down."""
    return amount * program.rate_numerator // program.rate_denominator


def value_for(amount: int, order: Order, program: Program) -> int:
    """Return what an amount pays of an order: its value, never more than the order."""
    return min(value_of(amount, program), order.total_minor)


def amount_for(value_minor: int, program: Program) -> int:
    """Return the smallest amount that is worth at least that value: paying all of an order leaves exactly nothing."""
    return -(-value_minor * program.rate_denominator // program.rate_numerator)


def share_amount(order: Order, program: Program) -> int:
    """Return the most that the order's share allows, in asset units; no more than a single amount may be."""
    share_bp = program.redemption.maximum_share_bp
    if share_bp == SHARE_WHOLE_BP:
        # A small unit makes many of a large order: more than one reservation, or 64 bits, can carry.
        return min(amount_for(order.total_minor, program), AMOUNT_MAX)
    value = order.total_minor * share_bp // SHARE_WHOLE_BP
    # A part is bounded from above: the largest amount that is worth no more than the share.
    return min(((value + 1) * program.rate_denominator - 1) // program.rate_numerator, AMOUNT_MAX)


def offer(wallet: Wallet, order: Order, wish: int | None, program: Program) -> Offer:
    """Return what a (settled) wallet may pay of an order; without a wish, as much as possible."""
    redemption = program.redemption
    limits: list[Limit] = []
    available = max(wallet.available, 0)
    share = share_amount(order, program)
    most = share
    if redemption.maximum_share_bp < SHARE_WHOLE_BP:
        limits.append(Limit(kind=LimitKind.MAXIMUM_SHARE, bound_minor=share))
    if redemption.maximum_redemption_minor and redemption.maximum_redemption_minor < most:
        most = redemption.maximum_redemption_minor
        limits.append(Limit(kind=LimitKind.MAXIMUM_REDEMPTION, bound_minor=most))
    if available < most:
        most = available
        limits += _why_no_more(wallet, available)
    most, floor_limits = _floors(wallet, order, most, program)
    limits += floor_limits
    amount, wish_limits = _wished(most, wish, program)
    value = value_for(amount, order, program)
    return Offer(
        redeemable=most, redeemable_value_minor=value_for(most, order, program), amount=amount, value_minor=value,
        left_to_pay_minor=order.total_minor - value, limits=_binding(limits + wish_limits, amount, wish),
    )  # fmt: skip


def _why_no_more(wallet: Wallet, available: int) -> list[Limit]:
    """Name the balance, and what of it cannot be spent now."""
    named = [(LimitKind.BALANCE, available)]
    named += [(LimitKind.PENDING, wallet.pending)] if wallet.pending else []
    named += [(LimitKind.RESERVED, wallet.reserved)] if wallet.reserved else []
    named += [(LimitKind.FROZEN, wallet.frozen)] if wallet.frozen else []
    return [Limit(kind=kind, bound_minor=bound) for kind, bound in named]


def _floors(wallet: Wallet, order: Order, most: int, program: Program) -> tuple[int, list[Limit]]:
    """Apply the step, and what makes the whole offer nothing."""
    redemption = program.redemption
    limits: list[Limit] = []
    if most % redemption.step_minor:
        most -= most % redemption.step_minor
        limits.append(Limit(kind=LimitKind.STEP, bound_minor=redemption.step_minor))
    nothing: list[tuple[LimitKind, int]] = []
    if wallet.state is not WalletState.ACTIVE:
        frozen = wallet.state is WalletState.FROZEN
        nothing.append((LimitKind.WALLET_FROZEN if frozen else LimitKind.WALLET_CLOSED, 0))
    if order.total_minor < redemption.minimum_purchase_minor:
        nothing.append((LimitKind.MINIMUM_PURCHASE, redemption.minimum_purchase_minor))
    if most < redemption.minimum_redemption_minor:
        nothing.append((LimitKind.MINIMUM_REDEMPTION, redemption.minimum_redemption_minor))
    if len(wallet.holds) >= redemption.open_reservations_max:
        nothing.append((LimitKind.OPEN_RESERVATIONS, redemption.open_reservations_max))
    limits += [Limit(kind=kind, bound_minor=bound) for kind, bound in nothing]
    return (0 if nothing else most), limits


def _wished(most: int, wish: int | None, program: Program) -> tuple[int, list[Limit]]:
    """Return what of a wish can be had: at most the offer, in whole steps, nothing below the smallest redemption."""
    if wish is None or wish >= most:
        return most, []
    redemption = program.redemption
    amount = wish - wish % redemption.step_minor
    limits = [Limit(kind=LimitKind.STEP, bound_minor=redemption.step_minor)] if amount != wish else []
    if amount < redemption.minimum_redemption_minor:
        smallest = Limit(kind=LimitKind.MINIMUM_REDEMPTION, bound_minor=redemption.minimum_redemption_minor)
        return 0, [*limits, smallest]
    return amount, limits


def _binding(limits: list[Limit], amount: int, wish: int | None) -> tuple[Limit, ...]:
    """Keep the limits that explain the answer: none if the wish was granted, each kind once."""
    if wish is not None and amount == wish:
        return ()
    once: dict[LimitKind, Limit] = {}
    for limit in limits:
        once.setdefault(limit.kind, limit)
    return tuple(once.values())


def refusal_to_redeem(amount: int, order: Order, program: Program) -> Refusal | None:
    """Return the first reason, in order of precedence, why the program does not let an order take this amount."""
    redemption = program.redemption
    share = share_amount(order, program)
    if order.currency != program.currency:
        return currency_mismatch(program)
    if order.total_minor < redemption.minimum_purchase_minor:
        return _out_of_bounds(
            Reason.BELOW_MINIMUM_PURCHASE, redemption.minimum_purchase_minor, "order.total_minor"
        )
    if amount < redemption.minimum_redemption_minor:
        return _out_of_bounds(Reason.BELOW_MINIMUM_REDEMPTION, redemption.minimum_redemption_minor)
    if 0 < redemption.maximum_redemption_minor < amount:
        return _out_of_bounds(Reason.ABOVE_MAXIMUM_REDEMPTION, redemption.maximum_redemption_minor)
    if amount > share:
        return _out_of_bounds(Reason.ABOVE_MAXIMUM_SHARE, share)
    if amount % redemption.step_minor:
        return _out_of_bounds(Reason.NOT_A_STEP, redemption.step_minor)
    return None


def _out_of_bounds(reason: Reason, bound: int, field: str = "amount_minor") -> Refusal:
    return Refusal(reason=reason, field=field, facts={"bound_minor": str(bound)})


def currency_mismatch(program: Program) -> Refusal:
    """Return the refusal of an order in another currency."""
    return Refusal(
        reason=Reason.CURRENCY_MISMATCH, field="order.currency", facts={"currency": program.currency}
    )


def refusal_of_ttl(ttl_seconds: int, program: Program) -> Refusal | None:
    """Return why the program does not allow holding for so long."""
    longest = program.redemption.reservation_ttl_seconds_max
    if ttl_seconds > longest:
        return Refusal(
            reason=Reason.TTL_OUT_OF_RANGE, field="ttl_seconds", facts={"ttl_seconds_max": str(longest)}
        )
    return None
