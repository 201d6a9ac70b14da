"""Proving a history: entry by entry, the hash chain and the arithmetic are computed again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from wallet_service.ledger.decide import canonical, genesis
from wallet_service.ledger.model import Account, Balance, Entry, Reservation, Wallet, lots_total

FAULTS_MAX: Final = 20
_INSIDE: Final = (Account.PENDING, Account.AVAILABLE, Account.RESERVED, Account.FROZEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. Sound: no faults. `faults` are sentences, at most FAULTS_MAX."""

    entries: int
    faults: tuple[str, ...]
    head: bytes

    @property
    def sound(self) -> bool:
        """Whether everything agrees."""
        return not self.faults


class Verifier:
    """Takes a wallet's entries in order and says at the end whether they explain the wallet."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self._hash = genesis(wallet.wallet_id)
        self._sums = dict.fromkeys(_INSIDE, 0)
        self._seq = 0
        self._faults: list[str] = []

    def take(self, entries: Iterable[Entry]) -> None:
        """Check the next entries."""
        for entry in entries:
            self._seq += 1
            self._expect(
                entry.seq == self._seq, f"entry {self._seq} is missing; entry {entry.seq} stands in its place"
            )
            self._seq = entry.seq
            for account, sign in ((entry.source, -1), (entry.target, 1)):
                if account in self._sums:
                    self._sums[account] += sign * entry.amount
            after = self._balance(entry.seq)
            self._expect(after == entry.balance, f"the balances on entry {entry.seq} are not those after it")
            said = canonical(
                entry.seq, entry.kind, entry.source, entry.target, entry.amount, entry.balance, entry.subject_id,
                entry.act_id, entry.lots, entry.detail, entry.at,
            )  # fmt: skip
            self._hash = sha256(self._hash + said).digest()
            self._expect(
                self._hash == entry.hash, f"the hash of entry {entry.seq} does not follow from the one before"
            )
            self._hash = entry.hash

    def verdict(self) -> Verdict:
        """Compare the wallet with its entries, its lots and its open reservations."""
        wallet = self._wallet
        balance = self._balance(self._seq)
        self._expect(balance == wallet.balance, "the wallet's balances are not the sums of its entries")
        self._expect(self._hash == wallet.head, "the wallet's hash is not that of its last entry")
        for name, lots, value in (
            ("pending", wallet.pending_lots, wallet.pending),
            ("available", wallet.available_lots, max(wallet.available, 0)),
            ("frozen", wallet.frozen_lots, wallet.frozen),
        ):
            self._expect(lots_total(lots) == value, f"the {name} lots do not sum to what is {name}")
        held = sum(_held(hold, self) for hold in wallet.holds)
        self._expect(held == wallet.reserved, "the open reservations do not sum to what is reserved")
        return Verdict(entries=self._seq, faults=tuple(self._faults[:FAULTS_MAX]), head=self._hash)

    def _balance(self, version: int) -> Balance:
        pending, available, reserved, frozen = (self._sums[account] for account in _INSIDE)
        return Balance(pending, available, reserved, frozen, version)

    def _expect(self, agrees: bool, fault: str) -> None:  # noqa: FBT001
        if not agrees and len(self._faults) < FAULTS_MAX:
            self._faults.append(fault)

    def expect_lots(self, hold: Reservation) -> None:
        """Check that what a reservation holds stands in lots."""
        self._expect(
            lots_total(hold.lots) == hold.held,
            f"the lots of reservation {hold.reservation_id} do not sum to what it holds",
        )


def _held(hold: Reservation, verifier: Verifier) -> int:
    verifier.expect_lots(hold)
    return hold.held
