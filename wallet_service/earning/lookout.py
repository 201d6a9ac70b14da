"""The look ahead: wallet after wallet, who is to be warned of an expiry, and whose value expires because nothing happened.

It goes round all wallets in the order of their ids, a page at a time, whoever gave them value and whenever. One process
at a time holds the lease; a process that dies leaves its page to the next. Warnings are written once by their ids, and
an expiry by command names the version of the wallet that was judged: doing a page twice does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import Final

from wallet_service.earning.desk import act_id_of
from wallet_service.earning.expiry import idle_of, warnings_of
from wallet_service.earning.model import Idle, Policy
from wallet_service.earning.policies import Policies
from wallet_service.earning.store import ahead
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import OperationId, ProgramId, WalletId
from wallet_service.ledger.commands import Expire
from wallet_service.ledger.service import Ledger
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
PAGE: Final = 2_000
LEASE_SECONDS: Final = 30
PAUSE_SECONDS: Final = 10
SHARE: Final = 20
"""A look that took a minute is followed by twenty without."""
KEEP_DAYS: Final = 400
ACTOR: Final = "earning"
_SECONDS: Final = 5.0
_LEDGER_SECONDS: Final = 10.0


class Lookout:
    """Looks at all wallets of the programs that look ahead. One per worker."""

    def __init__(
        self, db: Statements, ledger: Ledger, policies: Policies, pause_seconds: int = PAUSE_SECONDS,
        share: int = SHARE,
    ) -> None:  # fmt: skip
        self._db = db
        self._ledger = ledger
        self._policies = policies
        self._pause_seconds = pause_seconds
        self._share = share
        self.warned = 0
        self.idle_expired = 0

    async def run(self) -> int:
        """Go round once, if nobody else does and it is time again; returns how many wallets were looked at closely."""
        policies = self._policies.looking_ahead()
        if not policies:
            return 0
        lease = str(uuid.uuid4())
        place = await ahead.claim_lookout(
            self._db, lease, LEASE_SECONDS, self._pause_seconds, self._share, timeout_seconds=_SECONDS
        )
        seen = 0
        while place is not None:
            place, count = await self._page(lease, place, policies)
            seen += count
        return seen

    async def _page(
        self, lease: str, place: WalletId, policies: dict[ProgramId, Policy]
    ) -> tuple[WalletId | None, int]:
        standings, last = await ahead.read_standings(
            self._db, place, PAGE, policies, timeout_seconds=_SECONDS
        )
        warnings = [w for one in standings for w in warnings_of(one, policies[one.program_id])]
        idle = [idle_of(one, policies[one.program_id]) for one in standings]
        await self._expire([one for one in idle if one is not None])
        written = await ahead.record_warnings(
            self._db, lease, LEASE_SECONDS, warnings, place, last, KEEP_DAYS, timeout_seconds=_SECONDS
        )
        if written is None:
            _log.warning("the look ahead was taken over by another worker")
            return None, len(standings)
        self.warned += written
        return last, len(standings)

    async def _expire(self, idle: list[Idle]) -> None:
        """Let idle value expire. What is refused has moved meanwhile, or is tried again by the next look."""
        deadline = time.monotonic() + _LEDGER_SECONDS
        outcomes = await asyncio.gather(*(self._ledger.submit(expire_of(one), deadline) for one in idle))
        refused = sum(isinstance(outcome, Refusal) for outcome in outcomes)
        self.idle_expired += len(outcomes) - refused


def expire_of(idle: Idle) -> Expire:
    """Return the command for an idle wallet: the same for the same wallet at the same version."""
    return Expire(
        wallet_id=idle.wallet_id, operation_id=OperationId(act_id_of(idle.wallet_id, f"idle/{idle.version}")),
        expected_version=idle.version, actor=ACTOR,
        reason=f"nothing was earned or redeemed for {idle.days} days",
    )  # fmt: skip
