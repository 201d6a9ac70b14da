"""A small service with a memory and planned faults: what the client promises is tried on a real wire against it."""

# The methods are named as the generated servicers name them.
# ruff: noqa: N802

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field as fresh
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from wallet.v1 import admin_pb2_grpc, checkout_pb2_grpc, earning_pb2_grpc, wallet_pb2_grpc
from wallet.v1.admin_pb2 import (
    AdvanceClockRequest,
    AdvanceClockResponse,
    GetProgramRequest,
    GetProgramResponse,
    ListProgramsRequest,
    ListProgramsResponse,
    Program,
    PutProgramRequest,
    PutProgramResponse,
)
from wallet.v1.checkout_pb2 import (
    CommitRequest,
    CommitResponse,
    ExecuteRequest,
    ExecuteResponse,
    ExtendReservationRequest,
    ExtendReservationResponse,
    GetReservationRequest,
    GetReservationResponse,
    ListReservationsRequest,
    ListReservationsResponse,
    OperationOutcome,
    OperationRefusal,
    QuoteRequest,
    QuoteResponse,
    ReleaseRequest,
    ReleaseResponse,
    ReserveRequest,
    ReserveResponse,
)
from wallet.v1.types_pb2 import Balance, Entry, Reservation, ReservationState
from wallet.v1.wallet_pb2 import (
    AdjustWalletRequest,
    AdjustWalletResponse,
    GetWalletRequest,
    GetWalletResponse,
    ListEntriesRequest,
    ListEntriesResponse,
    OpenWalletRequest,
    OpenWalletResponse,
    Wallet,
    WatchWalletRequest,
    WatchWalletResponse,
)

WALLET = "8d2b6a44-52f4-4f6b-8f14-6d1f6cf7a001"
Context = Any


@dataclass(frozen=True, kw_only=True)
class No:
    """A refusal, as it will be answered."""

    code: grpc.StatusCode
    reason: str = ""
    field: str = ""
    message: str = "no"
    facts: dict[str, str] = fresh(default_factory=dict)
    pushback_ms: str = ""
    domain: str = "wallet.v1"


NOT_THERE = No(code=grpc.StatusCode.UNAVAILABLE)
POOR = No(
    code=grpc.StatusCode.FAILED_PRECONDITION,
    reason="INSUFFICIENT_BALANCE",
    field="amount_minor",
    message="too little",
    facts={"available_minor": "7"},
)
OVERLOADED = No(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="OVERLOADED", pushback_ms="5")
CONTENTION = No(code=grpc.StatusCode.ABORTED, reason="CONTENTION")


class RefusedByFakeError(Exception):
    """Ends one operation of the fake."""

    def __init__(self, no: No) -> None:
        super().__init__(no.message)
        self.no = no


async def refuse(context: Context, no: No) -> None:
    """End a call as the service does."""
    trailing: list[tuple[str, str | bytes]] = []
    if no.reason:
        detail = AnyMessage()
        detail.Pack(ErrorInfo(reason=no.reason, domain=no.domain, metadata={"field": no.field, **no.facts}))
        status = Status(code=no.code.value[0], message=no.message, details=[detail])
        trailing.append(("grpc-status-details-bin", status.SerializeToString()))
    if no.pushback_ms:
        trailing.append(("grpc-retry-pushback-ms", no.pushback_ms))
    await context.abort(no.code, no.message, tuple(trailing))


class FakeService(
    checkout_pb2_grpc.CheckoutServiceServicer,
    wallet_pb2_grpc.WalletServiceServicer,
    admin_pb2_grpc.AdminServiceServicer,
):
    """Remembers every request, and does first what was planned for the method."""

    def __init__(self) -> None:
        self.available = 10_000
        self.held: dict[str, Reservation] = {}
        self.effects: dict[str, int] = defaultdict(int)
        self.requests: dict[str, list[Any]] = defaultdict(list)
        self.metadata: list[dict[str, str]] = []
        self.faults: dict[str, deque[No | Callable[[], Awaitable[None]]]] = defaultdict(deque)
        self.refusals: dict[str, No] = {}
        self.delay_seconds: dict[str, float] = {}
        self.done_first = False
        self.peers: set[str] = set()
        self.entries = [Entry(seq=number, amount_minor=number) for number in range(1, 8)]
        self.watch_cut: deque[tuple[int, No]] = deque()

    def plan(self, method: str, *faults: No) -> None:
        """Let the next calls of a method end like this."""
        self.faults[method].extend(faults)

    async def _met(self, method: str, request: Any, context: Context) -> None:
        copy = type(request)()
        copy.CopyFrom(request)
        self.requests[method].append(copy)
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        await asyncio.sleep(self.delay_seconds.get(method, 0))
        if self.faults[method] and not self.done_first:
            await self._fault(method, context)

    async def _fault(self, method: str, context: Context) -> None:
        if self.faults[method]:
            fault = self.faults[method].popleft()
            assert isinstance(fault, No)
            await refuse(context, fault)

    def _balance(self) -> Balance:
        return Balance(available_minor=self.available, version=len(self.effects))

    def _first_time(self, act_id: str) -> bool:
        self.effects[act_id] += 1
        return self.effects[act_id] == 1

    def _refuse_marked(self, *ids: str) -> None:
        for one in ids:
            if one in self.refusals:
                raise RefusedByFakeError(self.refusals[one])

    def _reserve(self, request: ReserveRequest) -> ReserveResponse:
        self._refuse_marked(request.reservation_id, request.order.order_ref)
        first = self._first_time(request.reservation_id)
        if first:
            self.available -= request.amount_minor
            self.held[request.reservation_id] = Reservation(
                reservation_id=request.reservation_id,
                wallet_id=WALLET,
                state=ReservationState.RESERVATION_STATE_HELD,
                amount_minor=request.amount_minor,
                order_ref=request.order.order_ref,
            )
        reservation = self.held[request.reservation_id]
        return ReserveResponse(reservation=reservation, balance=self._balance(), replayed=not first)

    def _commit(self, request: CommitRequest) -> CommitResponse:
        self._refuse_marked(request.commit_id, request.reservation_id)
        reservation = self.held[request.reservation_id]
        first = self._first_time(request.commit_id)
        if first:
            left = reservation.amount_minor - reservation.committed_minor
            reservation.committed_minor += request.amount_minor if request.HasField("amount_minor") else left
            if request.final:
                reservation.state = ReservationState.RESERVATION_STATE_COMMITTED
        return CommitResponse(reservation=reservation, balance=self._balance(), replayed=not first)

    def _release(self, request: ReleaseRequest) -> ReleaseResponse:
        self._refuse_marked(request.reservation_id)
        if request.reservation_id not in self.held:
            raise RefusedByFakeError(No(code=grpc.StatusCode.NOT_FOUND, reason="RESERVATION_NOT_FOUND"))
        reservation = self.held[request.reservation_id]
        first = self._first_time(f"release {request.reservation_id}")
        reservation.state = ReservationState.RESERVATION_STATE_RELEASED
        return ReleaseResponse(reservation=reservation, balance=self._balance(), replayed=not first)

    async def _single(self, method: str, request: Any, context: Context) -> Any:
        await self._met(method, request, context)
        try:
            answer = getattr(self, f"_{method.lower()}")(request)
        except RefusedByFakeError as error:
            await refuse(context, error.no)
        await self._fault(method, context)
        return answer

    async def Reserve(self, request: ReserveRequest, context: Context) -> ReserveResponse:
        return await self._single("Reserve", request, context)

    async def Commit(self, request: CommitRequest, context: Context) -> CommitResponse:
        return await self._single("Commit", request, context)

    async def Release(self, request: ReleaseRequest, context: Context) -> ReleaseResponse:
        return await self._single("Release", request, context)

    async def Execute(self, request: ExecuteRequest, context: Context) -> ExecuteResponse:
        await self._met("Execute", request, context)
        response = ExecuteResponse(outcomes=self._outcomes(request))
        await self._fault("Execute", context)
        return response

    def _outcomes(self, request: ExecuteRequest) -> Iterator[OperationOutcome]:
        for operation in request.operations:
            which = operation.WhichOneof("operation")
            assert which is not None
            try:
                answer = getattr(self, f"_{which}")(getattr(operation, which))
                yield OperationOutcome(**{which: answer})
            except RefusedByFakeError as error:
                no = error.no
                refusal = OperationRefusal(
                    code=no.code.value[0], reason=no.reason, field=no.field, message=no.message
                )
                yield OperationOutcome(refusal=refusal)

    async def Quote(self, request: QuoteRequest, context: Context) -> QuoteResponse:
        await self._met("Quote", request, context)
        wished = self.available if request.maximum else request.amount_minor
        return QuoteResponse(amount_minor=wished, quote_token="signed", balance=self._balance())

    async def ExtendReservation(
        self, request: ExtendReservationRequest, context: Context
    ) -> ExtendReservationResponse:
        await self._met("ExtendReservation", request, context)
        return ExtendReservationResponse(reservation=self.held[request.reservation_id])

    async def GetReservation(
        self, request: GetReservationRequest, context: Context
    ) -> GetReservationResponse:
        await self._met("GetReservation", request, context)
        return GetReservationResponse(reservation=self.held[request.reservation_id])

    async def ListReservations(
        self, request: ListReservationsRequest, context: Context
    ) -> ListReservationsResponse:
        await self._met("ListReservations", request, context)
        page, token = page_of(list(self.held.values()), request)
        return ListReservationsResponse(reservations=page, next_page_token=token)

    async def OpenWallet(self, request: OpenWalletRequest, context: Context) -> OpenWalletResponse:
        await self._met("OpenWallet", request, context)
        return OpenWalletResponse(wallet=self._wallet(request.customer.customer_ref))

    async def GetWallet(self, request: GetWalletRequest, context: Context) -> GetWalletResponse:
        await self._met("GetWallet", request, context)
        return GetWalletResponse(wallet=self._wallet(""))

    def _wallet(self, customer_ref: str) -> Wallet:
        return Wallet(wallet_id=WALLET, customer_ref=customer_ref, balance=self._balance())

    async def ListEntries(self, request: ListEntriesRequest, context: Context) -> ListEntriesResponse:
        await self._met("ListEntries", request, context)
        page, token = page_of(self.entries, request)
        return ListEntriesResponse(entries=page, next_page_token=token)

    async def AdjustWallet(self, request: AdjustWalletRequest, context: Context) -> AdjustWalletResponse:
        await self._met("AdjustWallet", request, context)
        if self._first_time(request.operation_id):
            self.available += request.delta_minor
        await self._fault("AdjustWallet", context)
        return AdjustWalletResponse(wallet=self._wallet(""))

    async def WatchWallet(
        self, request: WatchWalletRequest, context: Context
    ) -> AsyncIterator[WatchWalletResponse]:
        await self._met("WatchWallet", request, context)
        seen = request.after_version if request.HasField("after_version") else 3
        if not request.HasField("after_version"):
            yield WatchWalletResponse(snapshot=Wallet(wallet_id=WALLET, balance=Balance(version=seen)))
        cut_after, no = self.watch_cut.popleft() if self.watch_cut else (99, NOT_THERE)
        for sent, entry in enumerate(self.entries[seen:]):
            if sent >= cut_after:
                await refuse(context, no)
            yield WatchWalletResponse(entry=entry)
        if cut_after < 99:
            await refuse(context, no)

    async def PutProgram(self, request: PutProgramRequest, context: Context) -> PutProgramResponse:
        await self._met("PutProgram", request, context)
        return PutProgramResponse(program=request.program)

    async def GetProgram(self, request: GetProgramRequest, context: Context) -> GetProgramResponse:
        await self._met("GetProgram", request, context)
        return GetProgramResponse(program=Program(program_id=request.program_id))

    async def ListPrograms(self, request: ListProgramsRequest, context: Context) -> ListProgramsResponse:
        await self._met("ListPrograms", request, context)
        page, token = page_of([Program(program_id=f"p{n}") for n in range(5)], request)
        return ListProgramsResponse(programs=page, next_page_token=token)

    async def AdvanceClock(self, request: AdvanceClockRequest, context: Context) -> AdvanceClockResponse:
        await self._met("AdvanceClock", request, context)
        return AdvanceClockResponse(program=Program(program_id=request.program_id, clock_at=request.to))


def page_of(everything: list[Any], request: Any) -> tuple[list[Any], str]:
    begin = int(request.page_token or 0)
    end = begin + (request.page_size or 50)
    return everything[begin:end], str(end) if end < len(everything) else ""


@asynccontextmanager
async def served(service: FakeService) -> AsyncIterator[str]:
    """Serve the fake on a free loopback port; yield its address."""
    server = grpc.aio.server()
    checkout_pb2_grpc.add_CheckoutServiceServicer_to_server(service, server)
    wallet_pb2_grpc.add_WalletServiceServicer_to_server(service, server)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(service, server)
    if isinstance(service, earning_pb2_grpc.EarningServiceServicer):
        earning_pb2_grpc.add_EarningServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
