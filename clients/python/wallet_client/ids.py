"""Ids that a caller makes before it sends, and the two ways to name a wallet."""

from __future__ import annotations

import os
from typing import TypeAlias

from wallet.v1.types_pb2 import WalletRef

WalletAddress: TypeAlias = str | tuple[str, str]
"""A wallet id, or `(program_id, customer_ref)`."""


def new_id() -> str:
    """Return a fresh random UUID. Store it before sending: sent again, it finds the first outcome."""
    # As uuid.uuid4(), at a third of its cost; reserve and commit each make one.
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def name_wallet(ref: WalletRef, wallet: WalletAddress) -> None:
    """Write the name of a wallet into a message."""
    if isinstance(wallet, str):
        ref.wallet_id = wallet
    else:
        ref.customer.program_id, ref.customer.customer_ref = wallet


def wallet_ref(wallet: WalletAddress) -> WalletRef:
    """Return the message that names a wallet."""
    ref = WalletRef()
    name_wallet(ref, wallet)
    return ref
