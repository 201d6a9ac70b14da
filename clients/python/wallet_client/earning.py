"""What earns and what takes it back: events in, what became of them, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from wallet.v1.earning_pb2 import (
    ActionEvent,
    EarnEvent,
    EarningPolicy,
    EventState,
    ExpiryWarning,
    ExplainEventRequest,
    ExplainEventResponse,
    GetEarningPolicyRequest,
    GetEventRequest,
    ListEventsRequest,
    ListExpiryWarningsRequest,
    PurchaseEvent,
    PutEarningPolicyRequest,
    RecordedEvent,
    RecordEventRequest,
    RecordEventsRequest,
    RetryEventRequest,
    ReturnEvent,
    SimulateEarnRequest,
    SimulateEarnResponse,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.errors import WalletError
from wallet_client.ids import WalletAddress, name_wallet, new_id, wallet_ref
from wallet_client.rules import ruleset_source
from wallet_client.status import refused_in_batch
from wallet_client.times import stamp

Happening: TypeAlias = PurchaseEvent | ActionEvent | ReturnEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event that is durably taken in, once for ever; `replayed`: it had been before."""

    event_id: str
    replayed: bool


def earn_event(
    wallet: WalletAddress,
    what: Happening,
    *,
    source: str,
    source_event_id: str,
    occurred_at: datetime,
    attributes: Mapping[str, str] | None = None,
) -> EarnEvent:
    """Return the message of an event. Source and the source's own id are what makes it count once: keep them."""
    event = EarnEvent(
        source=source,
        source_event_id=source_event_id,
        occurred_at=stamp(occurred_at),
        attributes=attributes or {},
    )
    name_wallet(event.wallet, wallet)
    if isinstance(what, PurchaseEvent):
        event.purchase.CopyFrom(what)
    elif isinstance(what, ActionEvent):
        event.action.CopyFrom(what)
    else:
        event.returned.CopyFrom(what)
    return event


class Earning:
    """The calls of EarningService.

    An event may be sent any number of times: its source and the source's own id count once, and the same id with other
    content is refused. So everything here is repeated without doubt, and `sent_id` of an exception is the source's id.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def record(self, event: EarnEvent, *, timeout_seconds: float | None = None) -> Recorded:
        """Take one event in. Answered means durable; what it earns is decided behind the answer."""
        response = await self._calls.unary(
            lambda line: line.earning.RecordEvent,
            RecordEventRequest(event=event),
            timeout_seconds=timeout_seconds,
            sent_id=event.source_event_id,
        )
        return Recorded(event_id=response.event_id, replayed=response.replayed)

    async def record_many(
        self, events: Sequence[EarnEvent], *, timeout_seconds: float | None = None
    ) -> list[Recorded | WalletError]:
        """Take up to 1,000 events in; one outcome for each, in their order. A refused one leaves the others untouched."""
        response = await self._calls.unary(
            lambda line: line.earning.RecordEvents,
            RecordEventsRequest(events=events),
            timeout_seconds=timeout_seconds,
        )
        return [
            refused_in_batch(outcome.refusal, sent_id=event.source_event_id)
            if outcome.HasField("refusal")
            else Recorded(event_id=outcome.recorded.event_id, replayed=outcome.recorded.replayed)
            for event, outcome in zip(events, response.outcomes, strict=True)
        ]

    async def get(
        self, wallet: WalletAddress, event_id: str, *, timeout_seconds: float | None = None
    ) -> RecordedEvent:
        """Return an event as it is now."""
        response = await self._calls.unary(
            lambda line: line.earning.GetEvent,
            GetEventRequest(wallet=wallet_ref(wallet), event_id=event_id),
            timeout_seconds=timeout_seconds,
        )
        return response.event

    async def events(
        self,
        wallet: WalletAddress,
        *,
        states: Iterable[EventState.ValueType] = (),
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[RecordedEvent]:
        """Yield the wallet's events, the latest to come in first; the timeout is a page's."""
        request = ListEventsRequest(wallet=wallet_ref(wallet), states=states, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.earning.ListEvents, request, timeout_seconds=timeout_seconds
            )
            for event in page.events:
                yield event
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def explain(
        self, wallet: WalletAddress, event_id: str, *, timeout_seconds: float | None = None
    ) -> ExplainEventResponse:
        """Return why an event earned what it did, in words that can be read out."""
        return await self._calls.unary(
            lambda line: line.earning.ExplainEvent,
            ExplainEventRequest(wallet=wallet_ref(wallet), event_id=event_id),
            timeout_seconds=timeout_seconds,
        )

    async def retry(
        self,
        wallet: WalletAddress,
        event_id: str,
        *,
        actor: str,
        reason: str,
        retry_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> RecordedEvent:
        """Have an event that was given up on tried again, and return it as it is now; a retry id counts once."""
        request = RetryEventRequest(
            wallet=wallet_ref(wallet),
            event_id=event_id,
            retry_id=retry_id or new_id(),
            accountability=Accountability(actor=actor, reason=reason),
        )
        response = await self._calls.unary(
            lambda line: line.earning.RetryEvent,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=request.retry_id,
        )
        return response.event

    async def simulate(
        self, event: EarnEvent, *, source: str | int | None = None, timeout_seconds: float | None = None
    ) -> SimulateEarnResponse:
        """Return what an event would earn now, or by a draft (its name) or version (its number). Never writes."""
        return await self._calls.unary(
            lambda line: line.earning.SimulateEarn,
            SimulateEarnRequest(event=event, source=None if source is None else ruleset_source(source)),
            timeout_seconds=timeout_seconds,
        )

    async def put_policy(
        self,
        program_id: str,
        policy: EarningPolicy,
        *,
        actor: str,
        reason: str,
        expected_version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> EarningPolicy:
        """Replace how a program holds, matures and lets expire; with `expected_version`, only if nobody was faster."""
        request = PutEarningPolicyRequest(
            program_id=program_id,
            policy=policy,
            expected_version=expected_version,
            accountability=Accountability(actor=actor, reason=reason),
        )
        response = await self._calls.unary(
            lambda line: line.earning.PutEarningPolicy,
            request,
            timeout_seconds=timeout_seconds,
            # It has no id: repeated after it was done, it would meet its own new version.
            repeat_unknown=expected_version is None,
        )
        return response.policy

    async def get_policy(self, program_id: str, *, timeout_seconds: float | None = None) -> EarningPolicy:
        """Return a program's policy of earning, or the defaults."""
        response = await self._calls.unary(
            lambda line: line.earning.GetEarningPolicy,
            GetEarningPolicyRequest(program_id=program_id),
            timeout_seconds=timeout_seconds,
        )
        return response.policy

    async def expiry_warnings(
        self,
        program_id: str = "",
        *,
        wallet: WalletAddress | None = None,
        since: datetime | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[ExpiryWarning]:
        """Yield whose value is about to expire, of a program or of one wallet, the oldest warning first.

        Ask again with `since` the `warned_at` of the last one seen: none is missed, and what comes again has the same
        `warning_id`. The timeout is a page's.
        """
        request = ListExpiryWarningsRequest(program_id=program_id, since=stamp(since), page_size=page_size)
        if wallet is not None:
            name_wallet(request.wallet, wallet)
        while True:
            page = await self._calls.unary(
                lambda line: line.earning.ListExpiryWarnings, request, timeout_seconds=timeout_seconds
            )
            for warning in page.warnings:
                yield warning
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
