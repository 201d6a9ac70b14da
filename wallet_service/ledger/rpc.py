"""WalletService: messages in, the ledger's door, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from wallet.v1 import wallet_pb2

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, refuse
from wallet_service.kernel.ids import OperationId, ProgramId, WalletId, canonical_uuid
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.commands import Adjust, Close, Freeze, OperationCommand, OperationOutcome, Unfreeze
from wallet_service.ledger.model import EntryFilter, EntryKind
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.service import Ledger, WalletView
from wallet_service.ledger.watching import watch
from wallet_service.ledger.wire import (
    answered,
    balance_message,
    entry_message,
    instant,
    plain,
    timestamp,
    wallet_id_from,
    wallet_message,
)
from wallet_service.transport.call import Call

PAGE_DEFAULT: Final = 50


class WalletRpc:
    """Opening, reading and caring for wallets."""

    def __init__(self, ledger: Ledger, keys: KeyRing) -> None:
        self._ledger = ledger
        self._pages = PageTokens(keys)

    async def open_wallet(
        self, request: wallet_pb2.OpenWalletRequest, call: Call
    ) -> wallet_pb2.OpenWalletResponse:
        """Open the customer's wallet, or answer the one that is open."""
        program_id = ProgramId(request.customer.program_id)
        customer_ref = plain(request.customer.customer_ref, "customer.customer_ref")
        wallet_id, opened = await self._ledger.open_wallet(program_id, customer_ref, call.deadline)
        if opened is None:
            raise refuse(Reason.PROGRAM_NOT_FOUND, "customer.program_id")
        view = answered(await self._ledger.recorded(wallet_id, 0, call.deadline))
        return wallet_pb2.OpenWalletResponse(wallet=_message(view), replayed=not opened)

    async def get_wallet(
        self, request: wallet_pb2.GetWalletRequest, call: Call
    ) -> wallet_pb2.GetWalletResponse:
        """Answer one consistent snapshot."""
        wallet_id = wallet_id_from(request.wallet, call)
        view = answered(await self._ledger.recorded(wallet_id, request.min_version, call.deadline))
        return wallet_pb2.GetWalletResponse(wallet=_message(view))

    async def list_entries(
        self, request: wallet_pb2.ListEntriesRequest, call: Call
    ) -> wallet_pb2.ListEntriesResponse:
        """Answer a page of the history."""
        wallet_id = wallet_id_from(request.wallet, call)
        chosen = EntryFilter(
            kinds=tuple(EntryKind(kind) for kind in request.kinds if kind),
            since=instant(request.since, "since") if request.HasField("since") else None,
            until=instant(request.until, "until") if request.HasField("until") else None,
        )
        shape = f"{wallet_id}|{request.oldest_first}|{sorted(chosen.kinds)}|{chosen.since}|{chosen.until}"
        after = int(self._pages.open("entries", shape, request.page_token) or 0)
        size = request.page_size or PAGE_DEFAULT
        answered(await self._ledger.view(wallet_id, 0))
        entries = await self._ledger.entries(
            wallet_id, after, size + 1, call.deadline, oldest_first=request.oldest_first, chosen=chosen
        )
        more = len(entries) > size
        token = self._pages.seal("entries", shape, str(entries[size - 1].seq)) if more else ""
        return wallet_pb2.ListEntriesResponse(
            entries=[entry_message(entry) for entry in entries[:size]], next_page_token=token
        )

    async def get_balance_at(
        self, request: wallet_pb2.GetBalanceAtRequest, call: Call
    ) -> wallet_pb2.GetBalanceAtResponse:
        """Answer the balance after the last entry at or before a moment."""
        wallet_id = wallet_id_from(request.wallet, call)
        at = instant(request.at, "at")
        answered(await self._ledger.view(wallet_id, 0))
        balance = await self._ledger.balance_at(wallet_id, at, call.deadline)
        return wallet_pb2.GetBalanceAtResponse(balance=balance_message(balance), as_of=timestamp(at))

    async def watch_wallet(
        self, request: wallet_pb2.WatchWalletRequest, call: Call
    ) -> AsyncIterator[wallet_pb2.WatchWalletResponse]:
        """Answer a snapshot, then every entry in order; or the entries after a version, then every entry."""
        wallet_id = wallet_id_from(request.wallet, call)
        after = request.after_version if request.HasField("after_version") else None
        async for change in watch(self._ledger, wallet_id, after):
            if isinstance(change, WalletView):
                yield wallet_pb2.WatchWalletResponse(snapshot=_message(change))
            else:
                yield wallet_pb2.WatchWalletResponse(entry=entry_message(change))

    async def freeze_wallet(
        self, request: wallet_pb2.FreezeWalletRequest, call: Call
    ) -> wallet_pb2.FreezeWalletResponse:
        """Stop new reservations, or set an amount aside."""
        command = Freeze(
            wallet_id=wallet_id_from(request.wallet, call), operation_id=_operation_id(request.operation_id),
            actor=plain(request.accountability.actor, "accountability.actor"),
            reason=plain(request.accountability.reason, "accountability.reason"),
            amount=request.amount_minor if request.HasField("amount_minor") else None,
        )  # fmt: skip
        wallet, replayed = await self._operate(command, call)
        return wallet_pb2.FreezeWalletResponse(wallet=wallet, replayed=replayed)

    async def unfreeze_wallet(
        self, request: wallet_pb2.UnfreezeWalletRequest, call: Call
    ) -> wallet_pb2.UnfreezeWalletResponse:
        """Undo a freeze of the wallet or of an amount."""
        command = Unfreeze(
            wallet_id=wallet_id_from(request.wallet, call), operation_id=_operation_id(request.operation_id),
            actor=plain(request.accountability.actor, "accountability.actor"),
            reason=plain(request.accountability.reason, "accountability.reason"),
            amount=request.amount_minor if request.HasField("amount_minor") else None,
        )  # fmt: skip
        wallet, replayed = await self._operate(command, call)
        return wallet_pb2.UnfreezeWalletResponse(wallet=wallet, replayed=replayed)

    async def close_wallet(
        self, request: wallet_pb2.CloseWalletRequest, call: Call
    ) -> wallet_pb2.CloseWalletResponse:
        """Close the wallet for ever."""
        command = Close(
            wallet_id=wallet_id_from(request.wallet, call), operation_id=_operation_id(request.operation_id),
            actor=plain(request.accountability.actor, "accountability.actor"),
            reason=plain(request.accountability.reason, "accountability.reason"), forfeit=request.forfeit,
        )  # fmt: skip
        wallet, replayed = await self._operate(command, call)
        return wallet_pb2.CloseWalletResponse(wallet=wallet, replayed=replayed)

    async def adjust_wallet(
        self, request: wallet_pb2.AdjustWalletRequest, call: Call
    ) -> wallet_pb2.AdjustWalletResponse:
        """Give or take available value."""
        expires = request.HasField("expires_at")
        command = Adjust(
            wallet_id=wallet_id_from(request.wallet, call), operation_id=_operation_id(request.operation_id),
            delta=request.delta_minor, actor=plain(request.accountability.actor, "accountability.actor"),
            reason=plain(request.accountability.reason, "accountability.reason"),
            expires_at=instant(request.expires_at, "expires_at") if expires else NEVER,
        )  # fmt: skip
        wallet, replayed = await self._operate(command, call)
        return wallet_pb2.AdjustWalletResponse(wallet=wallet, replayed=replayed)

    async def verify_wallet(
        self, request: wallet_pb2.VerifyWalletRequest, call: Call
    ) -> wallet_pb2.VerifyWalletResponse:
        """Compute the history again."""
        verdict = answered(await self._ledger.verify(wallet_id_from(request.wallet, call), call.deadline))
        return wallet_pb2.VerifyWalletResponse(
            sound=verdict.sound, entries=verdict.entries, faults=verdict.faults, head_hash=verdict.head
        )

    async def _operate(self, command: OperationCommand, call: Call) -> tuple[wallet_pb2.Wallet, bool]:
        outcome = answered(await self._ledger.submit(command, call.deadline))
        assert isinstance(outcome, OperationOutcome)
        view = answered(
            await self._ledger.recorded(WalletId(command.wallet_id), outcome.balance.version, call.deadline)
        )
        return _message(view), outcome.replayed


def _message(view: WalletView) -> wallet_pb2.Wallet:
    return wallet_message(view.wallet, view.program)


def _operation_id(text: str) -> OperationId:
    return OperationId(canonical_uuid(text))
