"""What the tests of the door stand on: rooms that answer what a test tells them, tokens, and a look at refusals."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
import jwt
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from wallet.v1 import (
    admin_pb2,
    checkout_pb2,
    checkout_pb2_grpc,
    earning_pb2,
    review_pb2,
    wallet_pb2,
    wallet_pb2_grpc,
)

from wallet_service.transport.address import Binding
from wallet_service.transport.auth import Authenticator, TokenPolicy, mint
from wallet_service.transport.keys import KeyRing
from wallet_service.transport.scopes import Scope
from wallet_service.transport.server import GrpcServer, Hosted, ServerLimits

SECRET = b"a development secret that is long enough for any of the HMAC algorithms"
WALLET = "6f1d7a52-3c0e-5b8a-9a41-0d1f2c7e8b93"
RESERVATION = "0b0e5f0e-8c7a-4a3e-9d3b-6f3f1c2d4e5a"
CHECKOUT = checkout_pb2.DESCRIPTOR.services_by_name["CheckoutService"]
WALLETS = wallet_pb2.DESCRIPTOR.services_by_name["WalletService"]
ADMIN = admin_pb2.DESCRIPTOR.services_by_name["AdminService"]
EARNING = earning_pb2.DESCRIPTOR.services_by_name["EarningService"]
REVIEW = review_pb2.DESCRIPTOR.services_by_name["ReviewService"]

QUOTE = checkout_pb2.QuoteRequest(
    wallet={"wallet_id": WALLET},
    order={"order_ref": "order-1", "total_minor": 1_000, "currency": "EUR"},
    amount_minor=500,
)
RESERVE = checkout_pb2.ReserveRequest(
    reservation_id=RESERVATION, wallet=QUOTE.wallet, order=QUOTE.order, amount_minor=500
)
COMMIT = checkout_pb2.CommitRequest(reservation_id=RESERVATION, wallet=QUOTE.wallet, commit_id=WALLET)
RELEASE = checkout_pb2.ReleaseRequest(reservation_id=RESERVATION, wallet=QUOTE.wallet)
EXECUTE = checkout_pb2.ExecuteRequest(operations=[{"release": RELEASE}])
WATCH = wallet_pb2.WatchWalletRequest(wallet=QUOTE.wallet)


class Rooms:
    """Answers every method of a service; remembers its calls; does what the test says before it answers."""

    def __init__(self, service):
        self._replies = {_snake(m.name): m.output_type for m in service.methods}
        self.calls = []
        self.behaviour = {}

    def __getattr__(self, name):
        if name not in self._replies:
            raise AttributeError(name)
        if name == "watch_wallet":
            return self._watch

        async def answer(request, call):
            self.calls.append((request, call))
            if name in self.behaviour:
                return await self.behaviour[name](request, call)
            return self._reply(name)

        return answer

    def _reply(self, name):
        module = {CHECKOUT.file.name: checkout_pb2, WALLETS.file.name: wallet_pb2}
        return getattr(module.get(self._replies[name].file.name, admin_pb2), self._replies[name].name)()

    async def _watch(self, request, call) -> AsyncIterator[wallet_pb2.WatchWalletResponse]:
        self.calls.append((request, call))
        changes = self.behaviour["watch_wallet"](request, call)
        async with aclosing(changes):
            async for entry in changes:
                yield wallet_pb2.WatchWalletResponse(entry=entry)


class House:
    """A started server with fake rooms, and a channel to it."""

    def __init__(self, server, checkout, wallets, address):
        self.server, self.checkout_rooms, self.wallet_rooms, self.address = server, checkout, wallets, address
        self.channel = grpc.aio.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 1 << 20)]
        )
        self.checkout = checkout_pb2_grpc.CheckoutServiceStub(self.channel)
        self.wallets = wallet_pb2_grpc.WalletServiceStub(self.channel)

    async def close(self):
        await self.channel.close()
        await self.server.drain(5)


async def open_house(
    *, limits: ServerLimits | None = None, binding=None, keys=None, telemetry=None, policy=None
) -> House:
    checkout, wallets = Rooms(CHECKOUT), Rooms(WALLETS)
    server = GrpcServer(
        hosted=[
            Hosted(service=CHECKOUT, room=checkout),
            Hosted(service=WALLETS, room=wallets),
            Hosted(service=ADMIN, room=Rooms(ADMIN)),
            Hosted(service=EARNING, room=Rooms(EARNING)),
            Hosted(service=REVIEW, room=Rooms(REVIEW)),
        ],
        authenticator=Authenticator(keys or KeyRing(hs256_secret=SECRET), policy or TokenPolicy()),
        binding=binding or Binding(),
        limits=limits,
        telemetry=telemetry,
    )
    return House(server, checkout, wallets, await server.start())


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


def service_token(*scopes):
    return mint(SECRET, "checkout-backend", scopes or list(Scope))


def auth(*scopes):
    return bearer(service_token(*scopes))


def claims(**changed):
    """The claims of a good token, with some replaced; None takes one out."""
    now = int(time.time())
    good = {
        "sub": "checkout-backend",
        "aud": "wallet-service",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "scope": " ".join(Scope),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(key=SECRET, algorithm="HS256", headers=None, **changed):
    return bearer(jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers))


async def refused(call):
    """Await a call that must be refused; return (status, reason, facts, message)."""
    try:
        if hasattr(call, "read"):
            while await call.read() is not grpc.aio.EOF:
                pass
            assert await call.code() is not grpc.StatusCode.OK
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return refusal_in(error)
    raise AssertionError("the call was not refused")


def refusal_in(error):
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return error.code().name, None, {}, error.details()
    status = Status.FromString(details)
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "wallet.v1"
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return error.code().name, info.reason, dict(info.metadata), error.details()


async def until(condition, seconds=5.0):
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def _snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
