"""Where a call finds its handler: one directory of all methods of a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    # Generic for the type checker alone.
    Handler = grpc.RpcMethodHandler[Any, Any]


class Directory(grpc.GenericRpcHandler):
    """All methods of a server under their names on the wire.

    One directory, not a registration for each method: the host keeps a task in wait for each registered method, and looks
    at every one of them for every call that comes in. With our seventy methods that was a quarter of what a quote cost.
    """

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of a call, None if there is no such method."""
        return self._handlers.get(handler_call_details.method)

    def add_registered_method_handlers(self, service: str, method_handlers: dict[str, Handler]) -> None:
        """Take up the methods of a service that registers itself, as health and reflection do with a server."""
        self._handlers |= {f"/{service}/{name}": handler for name, handler in method_handlers.items()}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Nothing to do: generated code registers the same methods both ways."""
