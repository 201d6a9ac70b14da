"""Shoppers as locust users. `make load` runs this; `locust -f loadtest/locustfile.py` with the LOAD_ variables does too.

LOAD_TARGET      HOST:PORT of the service
LOAD_TOKEN       a bearer token for it
LOAD_WALLETS     a file with one wallet id a line
LOAD_FIGURES     where the figures are written at the end, as JSON (optional)
"""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path
from typing import Any, Final

import gevent
import grpc
import grpc.experimental.gevent
from locust import User, constant, events, task
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtest.shoppers import Called, Checkout, Shopper

grpc.experimental.gevent.init_gevent()

CHANNELS: Final = 2
PERCENTILES: Final = (0.5, 0.95, 0.99)


class Customer(User):
    """One shopper with think times of its own; the connections of a process are shared."""

    wait_time = constant(0)
    _channels: Any = None
    _wallet_ids: tuple[str, ...] = ()

    def on_start(self) -> None:
        """Take a connection and walk in."""
        cls = type(self)
        if cls._channels is None:
            cls._channels = itertools.cycle([_channel(n) for n in range(CHANNELS)])
            cls._wallet_ids = tuple(Path(os.environ["LOAD_WALLETS"]).read_text().split())
        calls = Checkout(next(cls._channels), os.environ["LOAD_TOKEN"], self._measured, gevent.sleep)
        self._shopper = Shopper(calls, cls._wallet_ids, random.Random())

    @task
    def shop(self) -> None:
        """Play one checkout."""
        self._shopper.shop()

    def _measured(self, called: Called) -> None:
        self.environment.events.request.fire(
            request_type="grpc",
            name=called.name,
            response_time=called.seconds * 1e3,
            response_length=called.reply_bytes,
            exception=called.refused or None,
            context={},
        )


def _channel(number: int) -> grpc.Channel:
    # Connections that nobody else shares: a service of several processes spreads connections, not calls.
    options = [("grpc.use_local_subchannel_pool", 1), ("load.channel", number), ("grpc.enable_retries", 0)]
    return grpc.insecure_channel(os.environ["LOAD_TARGET"], options=options)


@events.test_stopping.add_listener  # type: ignore[untyped-decorator]
def let_shoppers_finish(environment: Any, **_: object) -> None:
    """Wait for the shoppers of other processes: locust itself would go after half a second, and their ends be lost."""
    leader = environment.runner
    if not isinstance(leader, MasterRunner):
        return
    for client in leader.clients.all:
        leader.server.send_to_client(Message("stop", None, client.id))  # type: ignore[no-untyped-call]
    with gevent.Timeout(environment.stop_timeout, exception=False):
        while leader.user_count:
            gevent.sleep(0.1)


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def write_figures(environment: Any, **_: object) -> None:
    """Write what was measured, in the process that knows everything."""
    path = os.environ.get("LOAD_FIGURES")
    if not path or isinstance(environment.runner, WorkerRunner):
        return
    stats = environment.stats
    Path(path).write_text(
        json.dumps(
            {
                "calls": {entry.name: _figures(entry) for entry in stats.entries.values()},
                "total": _figures(stats.total),
                "refused": _refused(stats),
            }
        )
    )


def _figures(entry: Any) -> dict[str, float]:
    shown = {f"p{share * 100:.0f}_ms": entry.get_response_time_percentile(share) for share in PERCENTILES}
    return {
        "calls": entry.num_requests,
        "refused": entry.num_failures,
        "per_s": round(entry.total_rps, 1),
        **shown,
        "max_ms": round(entry.max_response_time, 1),
    }


def _refused(stats: Any) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for error in stats.errors.values():
        counts.setdefault(error.name, {})[str(error.error)] = error.occurrences
    return counts
