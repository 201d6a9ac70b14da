"""Execute requests as bytes, cut from templates: a crowd must cost its machine less than the service it crowds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wallet.v1 import checkout_pb2, types_pb2

from loadtest.workload import DEVICE, ORDER

EXECUTE: Final = "/wallet.v1.CheckoutService/Execute"
RESERVED_MINOR: Final = 100
COMMITTED_MINOR: Final = 60
_SLOTS: Final = ("0" * 36, "1" * 36, "2" * 36)


class Template:
    """One operation with ids left open; ids have 36 characters, so that no length in it depends on them."""

    def __init__(self, operation: checkout_pb2.Operation) -> None:
        rest = checkout_pb2.ExecuteRequest(operations=[operation]).SerializeToString()
        self._pieces: list[bytes] = []
        self._order: list[int] = []
        while found := [
            (rest.index(slot.encode()), n) for n, slot in enumerate(_SLOTS) if slot.encode() in rest
        ]:
            at, number = min(found)
            self._pieces.append(rest[:at])
            self._order.append(number)
            rest = rest[at + len(_SLOTS[number]) :]
        self._pieces.append(rest)

    def filled(self, ids: Sequence[str]) -> bytes:
        """Return the bytes of an ExecuteRequest with this one operation; such bytes, one after the other, are a batch."""
        parts = [self._pieces[0]]
        for number, piece in zip(self._order, self._pieces[1:], strict=True):
            parts += (ids[number].encode(), piece)
        return b"".join(parts)


RESERVE: Final = Template(
    checkout_pb2.Operation(
        reserve=checkout_pb2.ReserveRequest(
            reservation_id=_SLOTS[0],
            wallet=types_pb2.WalletRef(wallet_id=_SLOTS[1]),
            amount_minor=RESERVED_MINOR,
            order=types_pb2.Order(
                order_ref=ORDER.order_ref, total_minor=ORDER.total_minor, currency=ORDER.currency
            ),
            device=types_pb2.Device(fingerprint=DEVICE),
        )
    )
)
"""Takes a reservation id and a wallet id."""
COMMIT: Final = Template(
    checkout_pb2.Operation(
        commit=checkout_pb2.CommitRequest(
            reservation_id=_SLOTS[0],
            wallet=types_pb2.WalletRef(wallet_id=_SLOTS[1]),
            commit_id=_SLOTS[2],
            amount_minor=COMMITTED_MINOR,
        )
    )
)
"""Takes a reservation id, a wallet id and a commit id."""
