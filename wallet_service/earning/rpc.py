"""EarningService: messages in, use cases, messages out."""

from __future__ import annotations

import asyncio
from typing import Final

from wallet.v1 import earning_pb2

from wallet_service.earning.model import Arrival, Event, EventId, EventState
from wallet_service.earning.service import Accepted, Earning
from wallet_service.earning.wire import (
    arrival_of,
    award_message,
    event_message,
    policy_message,
    policy_of,
    source_of,
    warning_message,
)
from wallet_service.earning.wording import remarks_of
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.kernel.ids import ProgramId, canonical_uuid
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import answered, instant, plain, wallet_id_from
from wallet_service.rules.wording import NO_RULE
from wallet_service.transport.call import Call
from wallet_service.transport.scopes import Scope
from wallet_service.transport.status import fill_refusal
from wallet_service.transport.validation import first_violation

PAGE_DEFAULT: Final = 50
PARSED_TOGETHER: Final = 32
"""Of many events in a call; then other calls go on for a moment."""
_FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"
Named = tuple[Arrival, ProgramId | None]


class EarningRpc:
    """Events that earn, and events that take back."""

    def __init__(self, earning: Earning, keys: KeyRing) -> None:
        self._earning = earning
        self._pages = PageTokens(keys)

    async def record_event(
        self, request: earning_pb2.RecordEventRequest, call: Call
    ) -> earning_pb2.RecordEventResponse:
        """Take one event in; once answered it is durable."""
        named = (arrival_of(request.event, call, self._earning.traces), _program_of(request.event))
        (outcome,) = await self._earning.record([named], call.deadline)
        return _recorded(answered(outcome))

    async def record_events(
        self, request: earning_pb2.RecordEventsRequest, call: Call
    ) -> earning_pb2.RecordEventsResponse:
        """Take many events in; one that is malformed or refused leaves the others untouched."""
        parsed: list[Named | Refusal] = []
        for number, event in enumerate(request.events):
            parsed.append(self._parsed(event, number, call))
            if number % PARSED_TOGETHER == PARSED_TOGETHER - 1:
                await asyncio.sleep(0)
        sound = [item for item in parsed if not isinstance(item, Refusal)]
        outcomes = iter(await self._earning.record(sound, call.deadline) if sound else [])
        response = earning_pb2.RecordEventsResponse()
        for item in parsed:
            outcome = item if isinstance(item, Refusal) else next(outcomes)
            if isinstance(outcome, Refusal):
                fill_refusal(response.outcomes.add().refusal, outcome)
            else:
                response.outcomes.add().recorded.CopyFrom(_recorded(outcome))
        return response

    def _parsed(self, event: earning_pb2.EarnEvent, number: int, call: Call) -> Named | Refusal:
        field = f"events[{number}]"
        refusal = first_violation(event, field)
        if refusal is not None:
            return refusal
        try:
            return arrival_of(event, call, self._earning.traces, field), _program_of(event)
        except RefusedError as refused:
            return refused.refusal

    async def get_event(
        self, request: earning_pb2.GetEventRequest, call: Call
    ) -> earning_pb2.GetEventResponse:
        """Answer one event as it is now."""
        event = await self._event(request, call)
        return earning_pb2.GetEventResponse(event=event_message(event))

    async def explain_event(
        self, request: earning_pb2.ExplainEventRequest, call: Call
    ) -> earning_pb2.ExplainEventResponse:
        """Answer why an event earned what it did."""
        event = await self._event(request, call)
        units = answered(await self._earning.units(event.wallet_id, call.deadline))
        return earning_pb2.ExplainEventResponse(
            event=event_message(event), remarks=remarks_of(event, units),
            awards=[award_message(award, units) for award in event.result.priced.awards],
        )  # fmt: skip

    async def _event(
        self, request: earning_pb2.GetEventRequest | earning_pb2.ExplainEventRequest, call: Call
    ) -> Event:
        wallet_id = wallet_id_from(request.wallet, call)
        event_id = EventId(canonical_uuid(request.event_id))
        return answered(await self._earning.event(wallet_id, event_id, call.deadline))

    async def list_events(
        self, request: earning_pb2.ListEventsRequest, call: Call
    ) -> earning_pb2.ListEventsResponse:
        """Answer a page of a wallet's events, the latest to come in first."""
        wallet_id = wallet_id_from(request.wallet, call)
        states = frozenset(EventState(state) for state in request.states if state)
        shape = f"{wallet_id}|{sorted(states)}"
        before = _position(self._pages.open("events", shape, request.page_token))
        size = request.page_size or PAGE_DEFAULT
        page = await self._earning.events(wallet_id, before, states, size + 1, call.deadline)
        token = ""
        if len(page) > size:
            last = page[size - 1]
            token = self._pages.seal("events", shape, f"{last.received_at},{last.event_id}")
        return earning_pb2.ListEventsResponse(
            events=[event_message(event) for event in page[:size]], next_page_token=token
        )

    async def retry_event(
        self, request: earning_pb2.RetryEventRequest, call: Call
    ) -> earning_pb2.RetryEventResponse:
        """Have a dead event tried again, from the beginning; once for each retry_id."""
        by = request.accountability
        retried = answered(
            await self._earning.retry(
                wallet_id_from(request.wallet, call), EventId(canonical_uuid(request.event_id)),
                canonical_uuid(request.retry_id), plain(by.actor, "accountability.actor"),
                plain(by.reason, "accountability.reason"), call.deadline,
            )
        )  # fmt: skip
        return earning_pb2.RetryEventResponse(event=event_message(retried.event), replayed=retried.replayed)

    async def simulate_earn(
        self, request: earning_pb2.SimulateEarnRequest, call: Call
    ) -> earning_pb2.SimulateEarnResponse:
        """Answer what an event would earn now, or by a draft or version; writes nothing."""
        arrival = arrival_of(request.event, call, self._earning.traces)
        source = source_of(request.source) if request.HasField("source") else None
        if source is not None and Scope.RULES_READ not in call.caller.scopes:
            raise refuse(Reason.SCOPE_MISSING, "source", scopes=Scope.RULES_READ.value)
        found = answered(
            await self._earning.simulate(arrival.wallet_id, arrival.content, call.deadline, source)
        )
        units = answered(await self._earning.units(arrival.wallet_id, call.deadline))
        return earning_pb2.SimulateEarnResponse(
            amount_minor=found.amount, awards=[award_message(award, units) for award in found.awards],
            remarks=[] if found.awards else [NO_RULE],
        )  # fmt: skip

    async def put_earning_policy(
        self, request: earning_pb2.PutEarningPolicyRequest, call: Call
    ) -> earning_pb2.PutEarningPolicyResponse:
        """Replace a program's policy of earning; events that are already decided keep theirs."""
        by = request.accountability
        policy = await self._earning.put_policy(
            ProgramId(request.program_id), policy_of(request.policy),
            request.expected_version if request.HasField("expected_version") else None,
            plain(by.actor, "accountability.actor"), plain(by.reason, "accountability.reason"), call.deadline,
        )  # fmt: skip
        return earning_pb2.PutEarningPolicyResponse(policy=policy_message(answered(policy)))

    async def get_earning_policy(
        self, request: earning_pb2.GetEarningPolicyRequest, _call: Call
    ) -> earning_pb2.GetEarningPolicyResponse:
        """Answer a program's policy of earning, or the defaults."""
        await self._earning.policies.refresh()
        policy = self._earning.policies.of(ProgramId(request.program_id))
        return earning_pb2.GetEarningPolicyResponse(policy=policy_message(policy))

    async def list_expiry_warnings(
        self, request: earning_pb2.ListExpiryWarningsRequest, call: Call
    ) -> earning_pb2.ListExpiryWarningsResponse:
        """Answer a page of warnings ahead of expiry, the oldest first."""
        by_wallet = request.WhichOneof("of") == "wallet"
        of = wallet_id_from(request.wallet, call) if by_wallet else ProgramId(request.program_id)
        since = instant(request.since, "since") if request.HasField("since") else Instant(0)
        shape = f"{of}|{since}"
        token = self._pages.open("expiry-warnings", shape, request.page_token)
        # Everything written at the first moment itself comes after the smallest of all ids.
        position = _position(token) or (since, _FIRST_ID)
        size = request.page_size or PAGE_DEFAULT
        page = answered(
            await self._earning.warnings(of, position, size + 1, call.deadline, by_wallet=by_wallet)
        )
        token = ""
        if len(page) > size:
            last = page[size - 1]
            token = self._pages.seal("expiry-warnings", shape, f"{last.warned_at},{last.warning_id}")
        return earning_pb2.ListExpiryWarningsResponse(
            warnings=[warning_message(warning) for warning in page[:size]], next_page_token=token
        )


def _program_of(event: earning_pb2.EarnEvent) -> ProgramId | None:
    named = event.wallet.WhichOneof("by") == "customer"
    return ProgramId(event.wallet.customer.program_id) if named else None


def _recorded(outcome: Accepted) -> earning_pb2.RecordEventResponse:
    return earning_pb2.RecordEventResponse(event_id=outcome.event_id, replayed=outcome.replayed)


def _position(text: str | None) -> tuple[Instant, EventId] | None:
    if text is None:
        return None
    received_at, _, event_id = text.partition(",")
    return Instant(int(received_at)), EventId(event_id)
