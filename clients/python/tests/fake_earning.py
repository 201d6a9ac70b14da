"""The fake service with a memory of events."""

# The methods are named as the generated servicers name them.
# ruff: noqa: N802

from fake_service import Context, FakeService, RefusedByFakeError, page_of, refuse
from wallet.v1 import earning_pb2_grpc
from wallet.v1.earning_pb2 import (
    EarnAward,
    EarnEvent,
    EventOutcome,
    EventRefusal,
    ExpiryWarning,
    ExplainEventRequest,
    ExplainEventResponse,
    GetEventRequest,
    GetEventResponse,
    ListEventsRequest,
    ListEventsResponse,
    ListExpiryWarningsRequest,
    ListExpiryWarningsResponse,
    PutEarningPolicyRequest,
    PutEarningPolicyResponse,
    RecordedEvent,
    RecordEventRequest,
    RecordEventResponse,
    RecordEventsRequest,
    RecordEventsResponse,
    RetryEventRequest,
    RetryEventResponse,
    SimulateEarnRequest,
    SimulateEarnResponse,
)


class FakeEarningService(FakeService, earning_pb2_grpc.EarningServiceServicer):
    """Counts each event once, and refuses those that are marked."""

    def _recorded(self, event: EarnEvent) -> RecordEventResponse:
        event_id = f"{event.source}/{event.source_event_id}"
        self._refuse_marked(event.source_event_id)
        return RecordEventResponse(event_id=event_id, replayed=not self._first_time(event_id))

    async def RecordEvent(self, request: RecordEventRequest, context: Context) -> RecordEventResponse:
        await self._met("RecordEvent", request, context)
        try:
            answer = self._recorded(request.event)
        except RefusedByFakeError as error:
            await refuse(context, error.no)
        await self._fault("RecordEvent", context)
        return answer

    async def RecordEvents(self, request: RecordEventsRequest, context: Context) -> RecordEventsResponse:
        await self._met("RecordEvents", request, context)
        response = RecordEventsResponse()
        for event in request.events:
            try:
                response.outcomes.append(EventOutcome(recorded=self._recorded(event)))
            except RefusedByFakeError as error:
                no = error.no
                refusal = EventRefusal(
                    code=no.code.value[0], reason=no.reason, field=no.field, message=no.message
                )
                response.outcomes.append(EventOutcome(refusal=refusal))
        await self._fault("RecordEvents", context)
        return response

    async def GetEvent(self, request: GetEventRequest, context: Context) -> GetEventResponse:
        await self._met("GetEvent", request, context)
        return GetEventResponse(event=RecordedEvent(event_id=request.event_id))

    async def ListEvents(self, request: ListEventsRequest, context: Context) -> ListEventsResponse:
        await self._met("ListEvents", request, context)
        page, token = page_of([RecordedEvent(event_id=f"e{n}") for n in range(5)], request)
        return ListEventsResponse(events=page, next_page_token=token)

    async def ExplainEvent(self, request: ExplainEventRequest, context: Context) -> ExplainEventResponse:
        await self._met("ExplainEvent", request, context)
        return ExplainEventResponse(awards=[EarnAward(rule_id="base", explanation="5 % on everything")])

    async def RetryEvent(self, request: RetryEventRequest, context: Context) -> RetryEventResponse:
        await self._met("RetryEvent", request, context)
        replayed = not self._first_time(request.retry_id)
        await self._fault("RetryEvent", context)
        return RetryEventResponse(event=RecordedEvent(event_id=request.event_id), replayed=replayed)

    async def SimulateEarn(self, request: SimulateEarnRequest, context: Context) -> SimulateEarnResponse:
        await self._met("SimulateEarn", request, context)
        return SimulateEarnResponse(amount_minor=7)

    async def PutEarningPolicy(
        self, request: PutEarningPolicyRequest, context: Context
    ) -> PutEarningPolicyResponse:
        await self._met("PutEarningPolicy", request, context)
        return PutEarningPolicyResponse(policy=request.policy)

    async def ListExpiryWarnings(
        self, request: ListExpiryWarningsRequest, context: Context
    ) -> ListExpiryWarningsResponse:
        await self._met("ListExpiryWarnings", request, context)
        page, token = page_of([ExpiryWarning(warning_id=f"w{n}") for n in range(5)], request)
        return ListExpiryWarningsResponse(warnings=page, next_page_token=token)
