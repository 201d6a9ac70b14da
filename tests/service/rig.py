"""What tests of the whole service stand on: service processes, raw calls, refusals, the database behind it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus
from wallet.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    checkout_pb2,
    checkout_pb2_grpc,
    earning_pb2_grpc,
    review_pb2_grpc,
    types_pb2,
    wallet_pb2,
    wallet_pb2_grpc,
)

from wallet_service.runtime.config import Settings, load_settings
from wallet_service.runtime.lifecycle import Lifecycle
from wallet_service.transport.auth import mint
from wallet_service.transport.scopes import Scope
from wallet_service.wiring import Addresses, development_secret, start_core, start_server

HERE = Path(__file__).parent
START_SECONDS = 40
CALL_SECONDS = 10.0


def new_id() -> str:
    return str(uuid.uuid4())


class ServiceProcess:
    """One service process on a free port; may be killed and started again (on the same port)."""

    def __init__(self, settings: Mapping[str, str], *, sweep: bool, log: Path) -> None:
        self._settings = dict(settings)
        self._sweep = sweep
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.address = ""

    def launch(self) -> None:
        """Start the process without waiting for it."""
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("WALLET_", "OTEL_"))
        }
        port = self.address.rpartition(":")[2] or "0"
        environment |= {"WALLET_GRPC_PORT": port, **self._settings}
        self._stopping = False
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "serve_process.py"), *(["--sweep"] if self._sweep else [])],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def await_ready(self) -> None:
        """Wait until the launched process serves."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline().decode().strip() if ready else ""
        assert line, f"the service did not start: {self._log.read_text()[-2_000:]}"
        self.address = line

    def start(self) -> None:
        self.launch()
        self.await_ready()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._reap(10)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once: a second one would hurry it."""
        assert self._process is not None
        if self.running and not self._stopping:
            self._stopping = True
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.ask_to_stop()
        return self._reap(30)

    def _reap(self, seconds: float) -> int:
        assert self._process is not None
        code = self._process.wait(seconds)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def log_text(self) -> str:
        return self._log.read_text()


def service_settings(data_dir: Path, database_url: str, redis_url: str, **settings: object) -> dict[str, str]:
    """Return the environment of a service; `settings` by field name."""
    chosen = {
        "data_dir": data_dir, "toy_database": True, "database_pool_size": 4,
        # A machine that is busy with something else must not make an attempt look like one of which nothing is known.
        "fraud_budget_ms": 500, **settings,
    }  # fmt: skip
    named = {f"WALLET_{name.upper()}": str(value) for name, value in chosen.items()}
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **named}


def keys_of(data_dir: Path) -> Settings:
    """Return settings whose folder of keys is this one, and see to it that the token secret exists."""
    settings = load_settings({"data_dir": data_dir})
    development_secret(settings)
    return settings


def token(settings: Settings, *, scopes: Sequence[Scope] = tuple(Scope), customer: tuple[str, str] | None = None,
          subject: str = "test") -> str:  # fmt: skip
    secret = development_secret(settings)
    assert secret is not None
    return mint(secret, subject, scopes, customer=customer)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A refusal as it arrived on the wire."""

    status: grpc.StatusCode
    reason: str
    field: str
    facts: dict[str, str]
    message: str
    raw: bytes
    """grpc-status-details-bin: everything that a caller could tell refusals apart by."""

    def __str__(self) -> str:
        return f"{self.status.name} {self.reason} {self.field}"


def refused_of(error: grpc.aio.AioRpcError) -> Refused:
    """Return the refusal that an error carries; one that is not typed has an empty reason."""
    raw = b""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            raw = value if isinstance(value, bytes) else value.encode()
    info = ErrorInfo()
    for detail in RpcStatus.FromString(raw).details:
        detail.Unpack(info)
    facts = dict(info.metadata)
    return Refused(
        status=error.code(), reason=info.reason, field=facts.pop("field", ""), facts=facts,
        message=error.details() or "", raw=raw,
    )  # fmt: skip


async def refusal(call: Awaitable[object]) -> Refused:
    """Return how a call was refused; fails if it was answered."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return refused_of(error)
    raise AssertionError(f"answered instead of refused: {answer}")


class Api:
    """Raw calls by method name, with a token and a deadline. One channel; `close` it."""

    def __init__(self, address: str, bearer: str) -> None:
        self.bearer = bearer
        self.channel = grpc.aio.insecure_channel(
            address,
            # A channel of one's own per Api, that tries again at once: tests restart what it talks to.
            # Windows do not grow: one who does not read is noticed after some kilobytes.
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0),
                     ("grpc.initial_reconnect_backoff_ms", 50),
                     ("grpc.max_reconnect_backoff_ms", 200), ("grpc.enable_retries", 0)],
        )  # fmt: skip
        self._stubs = (
            checkout_pb2_grpc.CheckoutServiceStub(self.channel),
            wallet_pb2_grpc.WalletServiceStub(self.channel),
            earning_pb2_grpc.EarningServiceStub(self.channel),
            review_pb2_grpc.ReviewServiceStub(self.channel),
            admin_pb2_grpc.AdminServiceStub(self.channel),
        )

    async def close(self) -> None:
        await self.channel.close()

    def __call__(
        self, request: Any, *, bearer: str | None = None, seconds: float | None = CALL_SECONDS,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> Any:  # fmt: skip
        """Call the method of a request (QuoteRequest → Quote); returns the grpc call, to be awaited."""
        method = self._method(type(request).__name__.removesuffix("Request"))
        said = self.bearer if bearer is None else bearer
        head = [("authorization", f"Bearer {said}")] if said else []
        return method(request, timeout=seconds, metadata=[*head, *metadata])

    def _method(self, name: str) -> Any:
        return next(found for stub in self._stubs if (found := getattr(stub, name, None)) is not None)


@asynccontextmanager
async def calling(address: str, bearer: str) -> AsyncIterator[Api]:
    api = Api(address, bearer)
    try:
        yield api
    finally:
        await api.close()


ACCOUNTABLE = wallet_pb2.Accountability(actor="tester", reason="a test")


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def in_seconds(seconds: float) -> Timestamp:
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))


def order(total_minor: int = 100_000, ref: str = "order-1", currency: str = "EUR") -> types_pb2.Order:
    return types_pb2.Order(order_ref=ref, total_minor=total_minor, currency=currency)


@dataclass(kw_only=True)
class Shop:
    """One program with one wallet in it, and the calls of a checkout on that wallet."""

    api: Api
    program: admin_pb2.Program
    wallet_id: str = ""
    customer_ref: str = "anna"
    opened: list[str] = field(default_factory=list)

    @property
    def ref(self) -> types_pb2.WalletRef:
        return types_pb2.WalletRef(wallet_id=self.wallet_id)

    async def open(self, customer_ref: str, balance: int = 0) -> str:
        """Open a wallet in the program and give it a balance; returns its id."""
        customer = types_pb2.Customer(program_id=self.program.program_id, customer_ref=customer_ref)
        wallet_id = (await self.api(wallet_pb2.OpenWalletRequest(customer=customer))).wallet.wallet_id
        if balance:
            await self.adjust(balance, wallet_id=wallet_id)
        return wallet_id

    async def adjust(self, delta: int, *, wallet_id: str = "", operation_id: str = "",
                     expires_at: Timestamp | None = None) -> Any:  # fmt: skip
        request = wallet_pb2.AdjustWalletRequest(
            wallet=types_pb2.WalletRef(wallet_id=wallet_id or self.wallet_id),
            operation_id=operation_id or new_id(), accountability=ACCOUNTABLE, delta_minor=delta, expires_at=expires_at,
        )  # fmt: skip
        return await self.api(request)

    def reserve(self, amount: int, **more: Any) -> checkout_pb2.ReserveRequest:
        return checkout_pb2.ReserveRequest(
            **{
                "reservation_id": new_id(),
                "wallet": self.ref,
                "amount_minor": amount,
                "order": order(),
                **more,
            }
        )

    def commit(self, reservation_id: str, **more: Any) -> checkout_pb2.CommitRequest:
        return checkout_pb2.CommitRequest(
            **{"reservation_id": reservation_id, "wallet": self.ref, "commit_id": new_id(), **more}
        )

    def release(self, reservation_id: str, **more: Any) -> checkout_pb2.ReleaseRequest:
        return checkout_pb2.ReleaseRequest(**{"reservation_id": reservation_id, "wallet": self.ref, **more})

    def quote(self, total_minor: int = 100_000, **more: Any) -> checkout_pb2.QuoteRequest:
        wish = {} if "amount_minor" in more else {"maximum": True}
        return checkout_pb2.QuoteRequest(**{"wallet": self.ref, "order": order(total_minor), **wish, **more})

    async def balance(self, min_version: int = 0) -> types_pb2.Balance:
        """Return the balance; say a version to see what another process has just written."""
        return (await self.snapshot(min_version)).balance

    async def snapshot(self, min_version: int = 0) -> wallet_pb2.Wallet:
        request = wallet_pb2.GetWalletRequest(wallet=self.ref, min_version=min_version)
        return (await self.api(request)).wallet

    async def held(self, amount: int, **more: Any) -> str:
        """Reserve and return the id."""
        return (await self.api(self.reserve(amount, **more))).reservation.reservation_id


def program_message(program_id: str, *, sandbox: bool = False, **changes: Any) -> admin_pb2.Program:
    """Return a program of euro cents; `changes` are fields of the program or of its redemption policy."""
    policy = {
        "maximum_share_bp": 10_000, "step_minor": 1, "quote_ttl_seconds": 300, "reservation_ttl_seconds": 900,
        "reservation_ttl_seconds_max": 3_600, "open_reservations_max": 1_000,
    }  # fmt: skip
    named = {field.name for field in admin_pb2.RedemptionPolicy.DESCRIPTOR.fields}
    policy |= {name: value for name, value in changes.items() if name in named}
    rest = {name: value for name, value in changes.items() if name not in named}
    mode = admin_pb2.PROGRAM_MODE_SANDBOX if sandbox else admin_pb2.PROGRAM_MODE_LIVE
    base = {
        "display_name": "Test", "mode": mode, "asset": "EUR", "exponent": 2, "currency": "EUR", "rate_numerator": 1,
        "rate_denominator": 1,
    }  # fmt: skip
    redemption = admin_pb2.RedemptionPolicy(**policy)
    return admin_pb2.Program(**{"program_id": program_id, "redemption": redemption, **base, **rest})


async def put_program(api: Api, program: admin_pb2.Program, **more: Any) -> admin_pb2.Program:
    request = admin_pb2.PutProgramRequest(program=program, accountability=ACCOUNTABLE, **more)
    return (await api(request)).program


async def open_shop(api: Api, balance: int = 10_000, *, sandbox: bool = False, **changes: Any) -> Shop:
    """Make a program of its own with one wallet that holds a balance."""
    program = await put_program(api, program_message(f"p-{uuid.uuid4()}", sandbox=sandbox, **changes))
    shop = Shop(api=api, program=program)
    shop.wallet_id = await shop.open("anna", balance)
    return shop


def without_replay(answer: Message) -> bytes:
    """Return an answer's bytes as they were the first time."""
    copy = type(answer)()
    copy.CopyFrom(answer)
    copy.ClearField("replayed")
    return copy.SerializeToString(deterministic=True)


async def until(check: Any, seconds: float = 10.0) -> None:
    """Wait until an async check is true; fails when it is not in time."""
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def in_process(settings: Settings, database_url: str, redis_url: str) -> AsyncIterator[str]:
    """Run the service inside the test's own loop; gives HOST:PORT."""
    addresses = Addresses(database_url=database_url, redis_url=redis_url)
    async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
        core = await start_core(settings, addresses, life)
        yield await start_server(settings, core, life, port=0)
