"""A bare grpc.aio server that answers a message of the size of a Reserve: what any unary call costs on this machine."""

from __future__ import annotations

import asyncio

import grpc
import uvloop
from wallet.v1 import checkout_pb2, types_pb2

REPLY = checkout_pb2.ReserveResponse(
    reservation=types_pb2.Reservation(
        reservation_id="0" * 36, wallet_id="0" * 36, state=types_pb2.RESERVATION_STATE_HELD, amount_minor=100,
        value_minor=100, order_ref="o" * 12, order_total_minor=1000, currency="EUR",
    ),
    balance=types_pb2.Balance(available_minor=10**9, reserved_minor=100, version=7),
)  # fmt: skip


async def reserve(
    _request: checkout_pb2.ReserveRequest, _context: grpc.aio.ServicerContext[object, object]
) -> checkout_pb2.ReserveResponse:
    """Answer the same to everybody."""
    return REPLY


async def main() -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        reserve,
        request_deserializer=checkout_pb2.ReserveRequest.FromString,
        response_serializer=checkout_pb2.ReserveResponse.SerializeToString,
    )
    server.add_registered_method_handlers("wallet.v1.CheckoutService", {"Reserve": method})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready grpc=127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main())
