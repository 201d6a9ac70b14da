"""What a batch names, loaded in one statement, and what one of its commands finds known under its ids."""

from __future__ import annotations

from collections.abc import Sequence

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import store
from wallet_service.ledger.commands import (
    Command,
    Commit,
    Deferred,
    Extend,
    ExtendReview,
    Grant,
    Release,
    Reserve,
    Restore,
    Review,
    Settle,
)
from wallet_service.ledger.decide import Decision
from wallet_service.ledger.model import Known
from wallet_service.runtime.session import Session


async def load_named(
    session: Session, commands: Sequence[Command | Deferred], timeout_seconds: float
) -> store.Loaded:
    """Load the wallets and the documents that the commands name, and the time."""
    wallets: dict[WalletId, None] = {}
    reservations: list[store.Key] = []
    credit_keys: list[store.Key] = []
    operations: list[store.Key] = []
    for command in commands:
        wallets[command.wallet_id] = None
        if isinstance(
            command, Deferred | Reserve | Commit | Release | Extend | ExtendReview | Restore | Review
        ):
            reservations.append((command.wallet_id, command.reservation_id))
        elif not isinstance(command, Settle):
            credit_id = getattr(command, "credit_id", None)
            if credit_id is not None:
                credit_keys.append((command.wallet_id, credit_id))
        if not isinstance(
            command, Deferred | Reserve | Commit | Release | Extend | ExtendReview | Settle | Grant
        ):
            operations.append((command.wallet_id, command.operation_id))
    return await store.load(
        session, list(wallets), reservations, credit_keys, operations, timeout_seconds=timeout_seconds
    )


def known_of(loaded: store.Loaded, command: Command) -> Known:
    """Return what is recorded under the ids that a command names."""
    wallet_id = command.wallet_id
    reservation_id = getattr(command, "reservation_id", None)
    credit_id = getattr(command, "credit_id", None)
    operation_id = getattr(command, "operation_id", None)
    return Known(
        reservation=loaded.reservations.get((wallet_id, reservation_id)) if reservation_id else None,
        credit=loaded.credits.get((wallet_id, credit_id)) if credit_id else None,
        operation=loaded.operations.get((wallet_id, operation_id)) if operation_id else None,
    )


def remember(loaded: store.Loaded, decision: Decision) -> None:
    """Let the batch's next command on this wallet see what was decided."""
    wallet_id = decision.wallet.wallet_id
    loaded.wallets[wallet_id] = decision.wallet
    for reservation in decision.reservations:
        loaded.reservations[wallet_id, reservation.reservation_id] = reservation
    if decision.credit is not None:
        loaded.credits[wallet_id, decision.credit.credit_id] = decision.credit
    if decision.operation is not None:
        loaded.operations[wallet_id, decision.operation.operation_id] = decision.operation
