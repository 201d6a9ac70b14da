"""TigerBeetle at an address: pending transfers, then posted in part. Needs `pip install tigerbeetle` (0.17 or newer)."""

from __future__ import annotations

import asyncio
import importlib
import random
from typing import Any, Final

from loadtest.peers.pairs import BALANCE, HELD, SEED_STEP, SPENT, WALLETS, GatheringCalls, measure, run

CLUSTER: Final = 0
LEDGER: Final = 1
CODE: Final = 1
BATCH_MAX: Final = 8_189
"""What one message of its protocol holds."""
UNDER_WAY_MAX: Final = 2


def library() -> Any:
    """Return the client library, or end with what to do."""
    try:
        return importlib.import_module("tigerbeetle")
    except ModuleNotFoundError:
        raise SystemExit("the TigerBeetle client is not installed: pip install tigerbeetle") from None


class Bank:
    """Accounts of this run's own; one of them gives and takes."""

    def __init__(self, tb: Any, client: Any, group: asyncio.TaskGroup) -> None:
        self._tb = tb
        self._client = client
        self._house: int = tb.id()
        self._wallets: list[int] = [tb.id() for _ in range(WALLETS)]
        self._calls = GatheringCalls[Any, Any](
            self._client.create_transfers, group, batch_max=BATCH_MAX, under_way_max=UNDER_WAY_MAX
        )

    async def open(self) -> None:
        """Create the accounts and give each wallet a balance that it cannot overdraw."""
        tb = self._tb
        limited = tb.AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
        accounts = [tb.Account(id=self._house, ledger=LEDGER, code=CODE)]
        accounts += [tb.Account(id=each, ledger=LEDGER, code=CODE, flags=limited) for each in self._wallets]
        for start in range(0, len(accounts), SEED_STEP):
            self._check(await self._client.create_accounts(accounts[start : start + SEED_STEP]))
        gifts = [self._transfer(self._house, each, BALANCE) for each in self._wallets]
        for start in range(0, len(gifts), SEED_STEP):
            self._check(await self._client.create_transfers(gifts[start : start + SEED_STEP]))

    async def pair(self) -> None:
        """Hold, then spend a part; the rest goes back."""
        flags = self._tb.TransferFlags
        wallet = random.choice(self._wallets)
        held = self._transfer(wallet, self._house, HELD, flags=flags.PENDING)
        self._check([await self._calls.call(held)])
        spent = self._transfer(
            wallet, self._house, SPENT, pending_id=held.id, flags=flags.POST_PENDING_TRANSFER
        )
        self._check([await self._calls.call(spent)])

    def _transfer(self, debit: int, credit: int, amount: int, **more: Any) -> Any:
        return self._tb.Transfer(
            id=self._tb.id(), debit_account_id=debit, credit_account_id=credit, amount=amount, ledger=LEDGER,
            code=CODE, **more,
        )  # fmt: skip

    @staticmethod
    def _check(results: list[Any]) -> None:
        refused = [result.status for result in results if result.status.name != "CREATED"]
        if refused:
            raise SystemExit(f"TigerBeetle refused: {refused[0]!r}")


async def work(address: str, seconds: float) -> dict[str, Any]:
    """Measure the cluster at an address such as 127.0.0.1:3000."""
    tb = library()
    async with (
        tb.ClientAsync(cluster_id=CLUSTER, replica_addresses=address) as client,
        asyncio.TaskGroup() as group,
    ):
        bank = Bank(tb, client, group)
        await bank.open()
        return await measure(bank.pair, seconds)


if __name__ == "__main__":
    run("Pairs a second of a TigerBeetle that runs at an address.", work)
