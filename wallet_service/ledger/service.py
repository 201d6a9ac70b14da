"""The ledger's door: every other slice changes and reads wallets through this."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, ReservationId, WalletId, wallet_id_of
from wallet_service.ledger import store
from wallet_service.ledger.batcher import Batcher, Limits
from wallet_service.ledger.clock import DatabaseClock
from wallet_service.ledger.commands import Command, Deferred, Outcome, Settle
from wallet_service.ledger.decide import decide
from wallet_service.ledger.gathering import Gathering
from wallet_service.ledger.model import (
    Balance,
    Entry,
    EntryFilter,
    Known,
    Reservation,
    ReservationState,
    Wallet,
)
from wallet_service.ledger.program import Program, refusal_to_advance, refusal_to_change
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.snapshots import Snapshots
from wallet_service.ledger.verify import Verdict, Verifier
from wallet_service.ledger.watch import WatchHub
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database

VERIFY_PAGE: Final = 2_000
READ_SECONDS: Final = 2.0
LOAD_MAX: Final = 256
LOADS_IN_FLIGHT: Final = 2
LOCK_MS: Final = 500
"""A batch waits so long for a row that somebody keeps locked, then goes on without that wallet."""
"""Reads of wallets under way at once: after a flush of the cache, this is all that the database sees."""
_LAST_ID: Final = ReservationId("ffffffff-ffff-ffff-ffff-ffffffffffff")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletView:
    """A wallet as it stands at a moment, its program, and the moment by the program's clock."""

    wallet: Wallet
    program: Program
    now: Instant


class Ledger:
    """One per process. Deadlines are moments of `time.monotonic()`."""

    def __init__(self, db: Database, cache: Cache, limits: Limits, snapshot_ttl_seconds: int) -> None:
        self._db = db
        self.programs = Programs(db)
        self.snapshots = Snapshots(cache, snapshot_ttl_seconds)
        self.watchers = WatchHub(db)
        self.clock = DatabaseClock()
        self._loads = Gathering(self._load, batch_max=LOAD_MAX, in_flight_max=LOADS_IN_FLIGHT)
        self._sessions = [
            db.open_session(f"ledger-{n}", lock_timeout_ms=LOCK_MS) for n in range(limits.in_flight_max)
        ]
        self.batcher = Batcher(
            self._sessions,
            self.programs.terms_of,
            self._changed,
            limits,
            self.programs.ensure,
            self.programs.program_of,
        )

    async def close(self) -> None:
        """Finish what is in flight, then close the connections."""
        await self.batcher.drained()
        for session in self._sessions:
            await session.close()

    def _changed(self, wallets: list[Wallet]) -> None:
        self.snapshots.publish(wallets)
        self.watchers.changed(wallets)

    def submit(self, command: Command | Deferred, deadline: float) -> asyncio.Future[Outcome]:
        """Change a wallet: the one way in. What is refused changes nothing but its own record."""
        return self.batcher.submit(command, deadline)

    async def open_wallet(
        self, program_id: ProgramId, customer_ref: str, deadline: float
    ) -> tuple[WalletId, bool | None]:
        """Open a customer's wallet: its id, and True if opened now, False if open before, None if no such program."""
        wallet_id = wallet_id_of(program_id, customer_ref)
        seconds = left(deadline)
        return wallet_id, await store.open_wallet(
            self._db, wallet_id, program_id, customer_ref, timeout_seconds=seconds
        )

    async def view(self, wallet_id: WalletId, min_version: int) -> WalletView | Refusal:
        """Return a wallet as it stands now, what is overdue counted as settled. Reads the cache first; never writes."""
        found = await self._cached(wallet_id, min_version) or await self.loaded(wallet_id, min_version)
        if isinstance(found, Refusal) or found.wallet.next_due_at > found.now:
            return found
        settle = Settle(wallet_id=wallet_id)
        decision = decide(found.wallet, settle, found.now, found.program.terms(), Known())
        return WalletView(wallet=decision.wallet, program=found.program, now=found.now)

    async def recorded(self, wallet_id: WalletId, min_version: int, deadline: float) -> WalletView | Refusal:
        """Return a wallet as it is recorded, after recording what is overdue: balance and entries agree."""
        found = await self._cached(wallet_id, min_version) or await self.loaded(wallet_id, min_version)
        if isinstance(found, Refusal) or found.wallet.next_due_at > found.now:
            return found
        settled = await self.submit(Settle(wallet_id=wallet_id), deadline)
        return settled if isinstance(settled, Refusal) else await self.loaded(wallet_id, min_version)

    async def _cached(self, wallet_id: WalletId, min_version: int) -> WalletView | None:
        now = self.clock.now()
        wallet = await self.snapshots.get(wallet_id) if now is not None else None
        if wallet is None or now is None or wallet.version < min_version:
            return None
        program = self.programs.known(wallet.program_id)
        # A test clock may have been advanced elsewhere a moment ago; sandboxes are read where their clock is.
        if program is None or program.sandbox:
            return None
        return WalletView(wallet=wallet, program=program, now=now)

    async def loaded(self, wallet_id: WalletId, min_version: int) -> WalletView | Refusal:
        """Return a wallet as the database has it now; concurrent readers share a statement."""
        view = await self._loads.get(wallet_id)
        if view is None:
            return wallet_not_found()
        if view.wallet.version < min_version:
            return Refusal(
                reason=Reason.VERSION_UNKNOWN,
                field="min_version",
                facts={"version": str(view.wallet.version)},
            )
        return view

    async def _load(self, wallets: list[WalletId]) -> dict[WalletId, WalletView]:
        loaded = await store.load(self._db, wallets, [], [], [], timeout_seconds=READ_SECONDS)
        self.clock.heard(loaded.now)
        self.snapshots.publish(list(loaded.wallets.values()))
        await self.programs.ensure(loaded.programs)
        return {
            wallet_id: WalletView(
                wallet=wallet,
                program=self.programs.program_of(wallet),
                now=loaded.clocks.get(wallet_id, loaded.now),
            )
            for wallet_id, wallet in loaded.wallets.items()
        }

    async def reservation(
        self, wallet_id: WalletId, reservation_id: ReservationId, deadline: float
    ) -> Reservation | Refusal:
        """Return a reservation, open or ended; one that is overdue is shown as expired."""
        key = (wallet_id, reservation_id)
        loaded = await store.load(self._db, [wallet_id], [key], [], [], timeout_seconds=left(deadline))
        wallet = loaded.wallets.get(wallet_id)
        if wallet is None:
            return wallet_not_found()
        await self.programs.ensure(loaded.programs)
        now = loaded.clocks.get(wallet_id, loaded.now)
        settle = Settle(wallet_id=wallet_id)
        decision = decide(wallet, settle, now, self.programs.terms_of(wallet), Known())
        for reservation in (*decision.wallet.holds, *decision.reservations):
            if reservation.reservation_id == reservation_id:
                return reservation
        return loaded.reservations.get(key) or Refusal(
            reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id"
        )

    async def ended_reservations(
        self, wallet_id: WalletId, before: tuple[Instant, ReservationId] | None, limit: int,
        states: Collection[ReservationState], deadline: float,
    ) -> list[Reservation]:  # fmt: skip
        """Return a page of ended reservations, the latest to end first."""
        position = before or (NEVER, _LAST_ID)
        return await store.read_reservations(
            self._db, wallet_id, position, limit, states, timeout_seconds=left(deadline)
        )

    async def entries(
        self,
        wallet_id: WalletId,
        after: int,
        limit: int,
        deadline: float,
        *,
        oldest_first: bool,
        chosen: EntryFilter,
    ) -> list[Entry]:
        """Return a page of entries after a number going up, or before it going down (0: from the last)."""
        return await store.read_entries(
            self._db,
            wallet_id,
            after,
            limit,
            oldest_first=oldest_first,
            chosen=chosen,
            timeout_seconds=left(deadline),
        )

    async def balance_at(self, wallet_id: WalletId, at: Instant, deadline: float) -> Balance:
        """Return the balance after the last entry at or before a moment; an empty one before the first."""
        entry = await store.read_entry_at(self._db, wallet_id, at, timeout_seconds=left(deadline))
        return Balance(0, 0, 0, 0, 0) if entry is None else entry.balance

    async def verify(self, wallet_id: WalletId, deadline: float) -> Verdict | Refusal:
        """Compute a wallet's history again from its first entry."""
        found = await self.loaded(wallet_id, 0)
        if isinstance(found, Refusal):
            return found
        verifier = Verifier(found.wallet)
        after = 0
        while after < found.wallet.version:
            limit = min(VERIFY_PAGE, found.wallet.version - after)
            page = await self.entries(
                wallet_id, after, limit, deadline, oldest_first=True, chosen=EntryFilter()
            )
            if not page:
                break
            verifier.take(page)
            after = page[-1].seq
        return verifier.verdict()

    async def due_wallets(self, limit: int, deadline: float) -> list[WalletId]:
        """Return wallets in which something is due, at most so many of each program."""
        return await store.due_wallets(self._db, limit, timeout_seconds=left(deadline))

    async def put_program(
        self, program: Program, expected_version: int | None, actor: str, reason: str, deadline: float
    ) -> Program | Refusal:
        """Create a program or change its policies; the test clock is left as it is."""
        old = await self.programs.reread(program.program_id, left(deadline))
        refusal = refusal_to_change(old, program, expected_version)
        if refusal is not None:
            return refusal
        return await self._write_program(old, program, old.clock_at if old else None, actor, reason, deadline)

    async def advance_clock(
        self, program_id: ProgramId, to: Instant, actor: str, reason: str, deadline: float
    ) -> Program | Refusal:
        """Set a sandbox's test clock."""
        old = await self.programs.reread(program_id, left(deadline))
        if old is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        refusal = refusal_to_advance(old, to)
        return refusal or await self._write_program(old, old, to, actor, reason, deadline)

    async def _write_program(
        self,
        old: Program | None,
        new: Program,
        clock_at: Instant | None,
        actor: str,
        reason: str,
        deadline: float,
    ) -> Program | Refusal:
        written = await store.put_program(
            self._db, new, clock_at, old.version if old else 0, actor, reason, timeout_seconds=left(deadline)
        )
        if not written:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_version")
        program = await self.programs.reread(new.program_id, left(deadline))
        return program or Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")

    async def programs_after(self, after: str, limit: int, deadline: float) -> Sequence[Program]:
        """Return a page of programs in order of their ids."""
        return await store.read_programs(self._db, after, limit, timeout_seconds=left(deadline))


def wallet_not_found() -> Refusal:
    """Return the one answer for absent and foreign wallets, so that nobody can tell them apart."""
    return Refusal(reason=Reason.WALLET_NOT_FOUND, field="wallet")


def left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a millisecond."""
    return max(deadline - time.monotonic(), 0.001)
