"""A wallet while it is being decided: the one place where balances, lots, entries and the hash chain move together."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import assert_never

from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, NEVER, Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger.decide import expired as gone
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.lots import Lots
from wallet_service.ledger.model import (
    Account,
    Balance,
    Entry,
    EntryKind,
    Lot,
    Reservation,
    Terms,
    Wallet,
)


def genesis(wallet_id: WalletId) -> bytes:
    """Return the hash that a wallet's first entry is chained to."""
    return sha256(f"wallet:{wallet_id}".encode()).digest()


def canonical(
    seq: int, kind: int, source: int, target: int, amount: int, balance: Balance,
    subject_id: str, act_id: str | None, lots: Lots, detail: str, at: Instant,
) -> bytes:  # fmt: skip
    """Return the canonical form of an entry: what its hash covers."""
    moved = (
        f"{lots[0][0]}:{lots[0][1]}"
        if len(lots) == 1
        else ",".join([f"{expires_at}:{part}" for expires_at, part in lots])
    )
    # Formatted in one step: half the cost of an f-string, for enums above all, and every entry pays it.
    return (
        "%d|%d|%d|%d|%d|%d|%d|%d|%d|%s|%s|%s|%d|%s"  # noqa: UP031 - see above
        % (seq, kind, source, target, amount, *balance[:4], subject_id, act_id or "", moved, at, detail)
    ).encode()


def detail_of(actor: str = "", reason: str = "", reference: str = "") -> str:
    """Return who and why as canonical JSON; empty when there is nothing to say."""
    said = {k: v for k, v in (("actor", actor), ("reason", reason), ("reference", reference)) if v}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if said else ""


class Draft:
    """A wallet's working copy inside one decision. Nothing outside `decide` sees it."""

    __slots__ = (
        "available", "available_lots", "changed", "closed", "entries", "expired", "frozen", "frozen_by_hand", "frozen_lots",
        "head", "holds", "next_due_at", "now", "pending", "pending_lots", "reserved", "state", "terms", "version",
        "wallet",
    )  # fmt: skip

    def __init__(self, wallet: Wallet, now: Instant, terms: Terms) -> None:
        self.wallet = wallet
        # A wallet's history never runs backwards, whatever the machine's clock does.
        self.now = max(wallet.touched_at, now)
        self.terms = terms
        self.state = wallet.state
        self.pending, self.available = wallet.pending, wallet.available
        self.reserved, self.frozen = wallet.reserved, wallet.frozen
        self.pending_lots, self.available_lots = wallet.pending_lots, wallet.available_lots
        self.frozen_lots, self.frozen_by_hand = wallet.frozen_lots, wallet.frozen_by_hand
        self.holds = wallet.holds
        self.expired = wallet.expired
        self.head, self.version, self.next_due_at = wallet.head, wallet.version, wallet.next_due_at
        self.entries: list[Entry] = []
        self.closed: list[Reservation] = []
        self.changed = False

    def balance(self) -> Balance:
        """Return the balances as they are now."""
        return Balance(self.pending, self.available, self.reserved, self.frozen, self.version)

    def post(
        self, kind: EntryKind, source: Account, target: Account, amount: int, lots: Lots,
        subject_id: str, act_id: str | None = None, detail: str = "",
    ) -> None:  # fmt: skip
        """Move an amount: balances, lots, entry and hash together."""
        self._leave(source, amount, lots)
        self._enter(target, amount, lots)
        self.version += 1
        if target is Account.EXPIRED:
            self.expired = gone.remember(self.expired, lots, self.version, self.now)
        balance = self.balance()
        said = canonical(
            self.version, kind, source, target, amount, balance, subject_id, act_id, lots, detail, self.now
        )
        self.head = sha256(self.head + said).digest()
        entry = Entry(
            seq=self.version, kind=kind, source=source, target=target, amount=amount, balance=balance,
            subject_id=subject_id, act_id=act_id, lots=lots, detail=detail, at=self.now, hash=self.head,
        )  # fmt: skip
        self.entries.append(entry)
        self.changed = True

    def _leave(self, source: Account, amount: int, lots: Lots) -> None:
        match source:
            case Account.AVAILABLE:
                self.available -= amount
                # Available value may be owed (below zero): then there are fewer lots than value taken.
                self.available_lots = lot.remove(self.available_lots, lots)
            case Account.RESERVED:
                self.reserved -= amount  # the lots are kept with the hold
            case Account.PENDING:
                self.pending -= amount
                self.pending_lots = lot.remove(self.pending_lots, lots)
            case Account.FROZEN:
                self.frozen -= amount
                self.frozen_lots = lot.remove(self.frozen_lots, lots)
            case Account.ISSUED | Account.REDEEMED | Account.ADJUSTED | Account.EXPIRED | Account.CLAWED_BACK:
                pass
            case _:
                assert_never(source)

    def _enter(self, target: Account, amount: int, lots: Lots) -> None:
        match target:
            case Account.AVAILABLE:
                owed = -self.available if self.available < 0 else 0
                self.available += amount
                arriving = lot.take_up_to(lots, owed)[1] if owed else lots
                self.available_lots = lot.put(self.available_lots, arriving)
                self.due(arriving[0].expires_at if arriving else NEVER)
            case Account.RESERVED:
                self.reserved += amount
            case Account.PENDING:
                self.pending += amount
                self.pending_lots = lot.put(self.pending_lots, lots)
            case Account.FROZEN:
                self.frozen += amount
                self.frozen_lots = lot.put(self.frozen_lots, lots)
            case Account.ISSUED | Account.REDEEMED | Account.ADJUSTED | Account.EXPIRED | Account.CLAWED_BACK:
                pass
            case _:
                assert_never(target)

    def due(self, moment: Instant) -> None:
        """Remember that something falls due at this moment."""
        self.next_due_at = min(self.next_due_at, moment)

    def lapses_at(self, hold: Reservation) -> Instant:
        """Return when a hold can no longer be committed: its expiry and the program's written grace."""
        return Instant(hold.expires_at + self.terms.commit_grace_seconds * MICROSECONDS_PER_SECOND)

    def replace_hold(self, old: Reservation, new: Reservation) -> None:
        """Put the changed hold where the old one was."""
        self.holds = tuple([new if hold is old else hold for hold in self.holds])
        self.changed = True

    def close_hold(self, old: Reservation, closed: Reservation) -> None:
        """Take a hold out of the wallet; it is final from here."""
        self.holds = tuple([hold for hold in self.holds if hold is not old])
        self.closed.append(closed)
        self.changed = True

    def owed_lots(self, amount: int) -> Lots:
        """Return the lots that an amount taken from available moves; fewer than the amount if value is owed."""
        return lot.take_up_to(self.available_lots, amount)[0]

    def expire_lots(self) -> None:
        """Move available value whose time has come to expired, lot by lot."""
        while self.available_lots and self.available_lots[0].expires_at <= self.now:
            first: Lot = self.available_lots[0]
            self.post(
                EntryKind.EXPIRE_LOT,
                Account.AVAILABLE,
                Account.EXPIRED,
                first.amount,
                (first,),
                self.wallet.wallet_id,
            )

    def freeze(self) -> Wallet:
        """Return the wallet as decided."""
        if not self.changed:
            return self.wallet
        wallet = self.wallet
        return Wallet(
            wallet_id=wallet.wallet_id, program_id=wallet.program_id, customer_ref=wallet.customer_ref,
            state=self.state, pending=self.pending, available=self.available, reserved=self.reserved,
            frozen=self.frozen, version=self.version, revision=wallet.revision + 1,
            pending_lots=self.pending_lots, available_lots=self.available_lots, frozen_lots=self.frozen_lots,
            frozen_by_hand=self.frozen_by_hand, holds=self.holds, head=self.head, next_due_at=self.next_due_at,
            touched_at=self.now, opened_at=wallet.opened_at, expired=self.expired,
        )  # fmt: skip

    def reckon_due(self) -> None:
        """Compute when something is due next: not later than that, whatever becomes of the program's grace."""
        moments = [hold.expires_at for hold in self.holds]
        if self.available_lots:
            moments.append(self.available_lots[0].expires_at)
        self.next_due_at = min(moments, default=NEVER)
