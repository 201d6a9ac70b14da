"""Ids: who makes them, how they look, how a wallet's id follows from its customer."""

from __future__ import annotations

import uuid
from typing import Final, NewType

ProgramId = NewType("ProgramId", str)
WalletId = NewType("WalletId", str)
ReservationId = NewType("ReservationId", str)
CommitId = NewType("CommitId", str)
CreditId = NewType("CreditId", str)
OperationId = NewType("OperationId", str)

_WALLETS: Final = uuid.UUID("6f1d7a52-3c0e-5b8a-9a41-0d1f2c7e8b93")
"""The namespace of wallet ids. Never changes: every id in every database follows from it."""


def wallet_id_of(program_id: ProgramId, customer_ref: str) -> WalletId:
    """Return the id of a customer's wallet: UUIDv5 of program and reference, in canonical form."""
    # A program id cannot contain a slash, so no two pairs share a name.
    return WalletId(str(uuid.uuid5(_WALLETS, f"{program_id}/{customer_ref}")))


def canonical_uuid(text: str) -> str:
    """Return a UUID in its one canonical form; raises ValueError for anything else."""
    if len(text) == 36 and text.islower() and text[14] in "12345678":  # noqa: PLR2004
        # Already validated at the door and in canonical case: the common path costs no parse.
        return text
    return str(uuid.UUID(text))
