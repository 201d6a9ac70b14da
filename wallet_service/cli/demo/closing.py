"""The monthly closing: what stands in the wallets, and what came and went. Read through the public API."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final

from wallet.v1.types_pb2 import Account
from wallet_client import Balance, Entry

from wallet_service.cli.demo.scene import Scene
from wallet_service.ledger.model import Account as Outside
from wallet_service.reconciliation.model import Totals

PAGE: Final = 500
_OUTSIDE: Final = {
    Account.ACCOUNT_ISSUED: "issued",
    Account.ACCOUNT_REDEEMED: "redeemed",
    Account.ACCOUNT_EXPIRED: "expired",
    Account.ACCOUNT_CLAWED_BACK: "clawed_back",
    Account.ACCOUNT_ADJUSTED: "adjusted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """What came into wallets (issued, adjusted) and what left them, since the beginning or in a month."""

    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    clawed_back: int = 0
    adjusted: int = 0

    @property
    def left(self) -> int:
        """What must stand inside."""
        return self.issued - self.redeemed - self.expired - self.clawed_back + self.adjusted

    def minus(self, before: Flows) -> Flows:
        """Return what has flown since."""
        return Flows(
            **{one.name: getattr(self, one.name) - getattr(before, one.name) for one in fields(Flows)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands inside wallets."""

    pending: int = 0
    available: int = 0
    reserved: int = 0
    frozen: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.pending + self.available + self.reserved + self.frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One month: what flew in it, what had flown by its end, and what stood then."""

    month: str
    flows: Flows
    by_now: Flows
    standing: Standing

    @property
    def difference(self) -> int:
        """What stands beyond what must; 0, or the books do not close."""
        return self.standing.total - self.by_now.left


def flows_in(totals: Totals) -> Flows:
    """Return what has come and gone in a program by the sums of its entries in SQL."""

    def went(account: Outside) -> int:
        to = sum(moved.amount for moved in totals.movements if moved.target is account)
        return to - sum(moved.amount for moved in totals.movements if moved.source is account)

    return Flows(
        issued=-went(Outside.ISSUED), redeemed=went(Outside.REDEEMED), expired=went(Outside.EXPIRED),
        clawed_back=went(Outside.CLAWED_BACK), adjusted=-went(Outside.ADJUSTED),
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Read:
    """How far a wallet's history has been read."""

    version: int = 0
    since: datetime | None = None
    flows: Counter[str] = field(default_factory=Counter)
    balance: Balance = field(default_factory=Balance)


class Closings:
    """Closes months. Balances are what wallets say, flows are added up from their entries: two ways to one sum."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._read = {household: _Read() for household in scene.books}
        self.closed: list[Closing] = []

    async def close(self, month: str) -> None:
        """Read every wallet and what is new in its history; a month that does not close is a difference."""
        await asyncio.gather(*(self._follow(household) for household in self._read))
        by_now = self._flows()
        before = self.closed[-1].by_now if self.closed else Flows()
        closing = Closing(month=month, flows=by_now.minus(before), by_now=by_now, standing=self._standing())
        self.closed.append(closing)
        if closing.difference:
            self._scene.differs(
                f"{month}: the wallets hold {closing.difference:+,} beyond what came and went"
            )

    def flows_of(self, household: int) -> Flows:
        """Return what had come and gone in a wallet when it was last read."""
        return Flows(**self._read[household].flows)

    def balance_of(self, household: int) -> Balance:
        """Return what stood in a wallet when it was last read."""
        return self._read[household].balance

    async def _follow(self, household: int) -> None:
        scene, read = self._scene, self._read[household]
        async with scene.room:
            with scene.timings.of("get wallet"):
                wallet = await scene.api.wallet.get(scene.wallet_of(household))
            # Entries of the same moment as the last may have come later: their numbers tell.
            async for entry in scene.api.wallet.entries(
                scene.wallet_of(household), oldest_first=True, since=read.since, page_size=PAGE
            ):
                if read.version < entry.seq <= wallet.balance.version:
                    _add(read.flows, entry)
        read.version, read.since, read.balance = wallet.balance.version, scene.now, wallet.balance

    def _flows(self) -> Flows:
        total: Counter[str] = Counter()
        for read in self._read.values():
            total.update(read.flows)
        return Flows(**total)

    def _standing(self) -> Standing:
        balances = [read.balance for read in self._read.values()]
        return Standing(
            pending=sum(balance.pending_minor for balance in balances),
            available=sum(balance.available_minor for balance in balances),
            reserved=sum(balance.reserved_minor for balance in balances),
            frozen=sum(balance.frozen_minor for balance in balances),
        )


def _add(flows: Counter[str], entry: Entry) -> None:
    """Count an entry that crosses the wallet's border; what came from outside counts against what went there."""
    for account, sign in ((entry.source, -1), (entry.target, 1)):
        name = _OUTSIDE.get(account)
        if name is not None:
            # What is issued or adjusted stands for what came in; the others for what went out.
            flows[name] += entry.amount_minor * (-sign if name in {"issued", "adjusted"} else sign)
