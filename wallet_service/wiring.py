"""The composition root: settings in, running parts out. Decides nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wallet.v1 import admin_pb2, checkout_pb2, earning_pb2, review_pb2, wallet_pb2

from wallet_service.admin.backtest import Backtests
from wallet_service.admin.rpc import AdminRpc
from wallet_service.checkout.rpc import CheckoutRpc
from wallet_service.checkout.service import Checkout
from wallet_service.earning.history import History
from wallet_service.earning.lookout import Lookout
from wallet_service.earning.pipeline import Pipeline
from wallet_service.earning.policies import Policies
from wallet_service.earning.rpc import EarningRpc
from wallet_service.earning.service import Earning
from wallet_service.earning.telemetry import watch_earning
from wallet_service.earning.worker import EarningWorker, LookoutWorker
from wallet_service.fraud.advice import ModelAdvice, RingAdvice, RingEars
from wallet_service.fraud.anomaly.service import Anomaly
from wallet_service.fraud.anomaly.telemetry import watch_anomaly
from wallet_service.fraud.authoring import FraudAuthoring
from wallet_service.fraud.devices import DeviceKeys
from wallet_service.fraud.hashing import Hashing
from wallet_service.fraud.model import PaceLimits
from wallet_service.fraud.rings.service import Rings
from wallet_service.fraud.rings.telemetry import watch_rings
from wallet_service.fraud.rings.worker import RingWorker
from wallet_service.fraud.service import Fraud
from wallet_service.fraud.telemetry import watch_fraud
from wallet_service.fraud.worker import FraudWorker
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.batcher import Limits
from wallet_service.ledger.rpc import WalletRpc
from wallet_service.ledger.service import Ledger
from wallet_service.ledger.telemetry import watch_ledger
from wallet_service.ledger.worker import Sweeper
from wallet_service.reconciliation.model import Report
from wallet_service.reconciliation.service import Reconciliation
from wallet_service.review.carrying import Carrying
from wallet_service.review.holding import Holding
from wallet_service.review.opening import Opening
from wallet_service.review.rpc import ReviewRpc
from wallet_service.review.service import Review
from wallet_service.review.telemetry import watch_review
from wallet_service.review.worker import ReviewWorker
from wallet_service.rules.audience import Audience
from wallet_service.rules.live import Rulesets
from wallet_service.rules.service import Authoring
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.config import Settings
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.errors import DatabaseError, StartError
from wallet_service.runtime.heap import settle_heap
from wallet_service.runtime.keys import development_secret, load_device_keys, load_signing_keys
from wallet_service.runtime.lifecycle import Lifecycle
from wallet_service.runtime.telemetry import Telemetry, start_telemetry
from wallet_service.transport.address import Binding
from wallet_service.transport.auth import Authenticator, TokenPolicy
from wallet_service.transport.door import DoorLimits
from wallet_service.transport.gate import GateLimits
from wallet_service.transport.keys import KeyRing as TokenKeys
from wallet_service.transport.server import ConnectionLimits, GrpcServer, Hosted, ServerLimits
from wallet_service.transport.telemetry import DoorTelemetry
from wallet_service.transport.tls import TlsFiles

_log = logging.getLogger(__name__)
DRAIN_SHARE: Final = 0.8
"""Of the time for stopping, what calls in flight may take."""

_NOT_THERE: Final = frozenset({"3F000", "42P01", "42703", "42883"})
"""SQLSTATEs of a schema, table, column or function that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Addresses:
    """Where the database and the cache are; not printable, for they may hold passwords."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every process of the service has: the ledger, its telemetry, the keys that sign."""

    ledger: Ledger
    keys: KeyRing
    telemetry: Telemetry
    rulesets: Rulesets
    authoring: Authoring
    audience: Audience
    backtests: Backtests
    earning: Earning
    pipeline: Pipeline
    fraud: Fraud
    fraud_authoring: FraudAuthoring
    hashing: Hashing
    lookout: Lookout
    review: Review
    review_worker: ReviewWorker
    anomaly: Anomaly
    rings: Rings


async def start_core(settings: Settings, addresses: Addresses, life: Lifecycle, *, worker: int = 0) -> Core:
    """Connect to the database and the cache and start the ledger with its background loops."""
    telemetry = start_telemetry(settings, worker=worker)
    life.on_stop("telemetry", telemetry.close)
    telemetry.watch_loops(lambda: life.restarts)
    database, cache = await _connect(settings, addresses, life)
    telemetry.watch_cache(cache)
    limits = Limits(
        batch_max=settings.batch_max, in_flight_max=settings.batches_in_flight, queue_max=settings.queue_max,
        statement_seconds=settings.database_statement_timeout_ms / 1_000 + 1,
    )  # fmt: skip
    ledger = Ledger(database, cache, limits, settings.snapshot_ttl_seconds)
    rulesets = Rulesets(database)
    policies = Policies(database)
    found_keys = load_device_keys(settings)
    device_keys = DeviceKeys(active=found_keys.active, keys=found_keys.keys)
    fraud = Fraud(database, cache, device_keys, settings.fraud_budget_ms / 1_000)
    watch_ledger(telemetry.meter, ledger)
    watch_fraud(telemetry.meter, fraud)
    # After the ledger: what it still carried out for callers who went away is told to the judges.
    life.on_stop("fraud-queues", fraud.behind.flush)
    life.on_stop("ledger", ledger.close)
    await _read_once(ledger.programs.refresh, rulesets.refresh, policies.refresh, fraud.policies.refresh)
    life.keep("programs", ledger.programs.run)
    life.keep("rulesets", rulesets.run)
    life.keep("earning-policies", policies.run)
    life.keep("fraud-policies", fraud.policies.run)
    life.keep("fraud", fraud.behind.run)
    life.keep("snapshots", ledger.snapshots.run)
    life.keep("watch", ledger.watchers.run)
    anomaly, rings = _start_advisors(
        fraud, database, cache, telemetry, life, settings.fraud_budget_ms / 1_000
    )
    authoring = Authoring(database, ledger.programs, rulesets)
    signing = load_signing_keys(_quote_keys_file(settings), create=settings.quote_keys_file is None)
    earning = Earning(database, ledger, rulesets, policies, PaceLimits(), fraud, authoring)
    carrying = Carrying(database, ledger, earning)
    return Core(
        ledger=ledger, keys=KeyRing(keys=signing.keys, current=signing.active), telemetry=telemetry,
        fraud=fraud, fraud_authoring=FraudAuthoring(database, ledger.programs, fraud.policies),
        hashing=Hashing(ledger.programs, device_keys),
        rulesets=rulesets, authoring=authoring, audience=Audience(database, ledger.programs, rulesets),
        backtests=Backtests(authoring, rulesets, History(database.open_session, rulesets)),
        earning=earning,
        pipeline=Pipeline(database, ledger, rulesets, policies, PaceLimits(), fraud),
        lookout=Lookout(database, ledger, policies),
        anomaly=anomaly, rings=rings,
        review=Review(database, ledger, carrying, rings),
        review_worker=ReviewWorker(
            database, Opening(database, ledger, rings), carrying, Holding(ledger), settings.sweep_interval_ms / 1_000
        ),
    )  # fmt: skip


async def _connect(settings: Settings, addresses: Addresses, life: Lifecycle) -> tuple[Database, Cache]:
    options = DatabaseOptions.from_settings(settings, addresses.database_url)
    database = await life.enter(
        "database", Database.open(options, toy=settings.toy_database), lambda opened: opened.close()
    )
    cache = Cache.from_settings(settings, addresses.redis_url)
    life.on_stop("cache", cache.close)
    return database, cache


async def _read_once(*reads: Callable[[], Awaitable[None]]) -> None:
    """Read what must be known before the first call; raises StartError where the database does not hold it."""
    try:
        for read in reads:
            await read()
    except DatabaseError as fault:
        raise StartError(unusable(fault)) from fault


def _start_advisors(
    fraud: Fraud, database: Database, cache: Cache, telemetry: Telemetry, life: Lifecycle, budget_seconds: float
) -> tuple[Anomaly, Rings]:  # fmt: skip
    """Let the anomaly model and the rings advise the judges, and hear what was seen and granted."""
    anomaly = Anomaly(database, cache, budget_seconds=budget_seconds)
    watch_anomaly(telemetry.meter, anomaly)
    life.keep("anomaly", anomaly.run)
    rings = Rings(database, fraud.policies)
    life.on_stop("rings", rings.close)
    ears = RingEars(rings)
    life.keep("ring-links", ears.run)
    fraud.anomaly, fraud.behind.hearsay = ModelAdvice(anomaly), ears
    fraud.rings = RingAdvice(rings, budget_seconds=budget_seconds)
    return anomaly, rings


async def start_server(
    settings: Settings, core: Core, life: Lifecycle, *, port: int | None = None, shared: bool = False
) -> str:
    """Open the door; returns HOST:PORT. It drains before anything that it needs is stopped."""
    checkout = Checkout(core.ledger, core.keys, core.fraud)
    server = GrpcServer(
        hosted=[
            Hosted(
                service=checkout_pb2.DESCRIPTOR.services_by_name["CheckoutService"],
                room=CheckoutRpc(checkout, core.ledger, core.keys),
            ),
            Hosted(
                service=wallet_pb2.DESCRIPTOR.services_by_name["WalletService"], room=WalletRpc(core.ledger, core.keys)
            ),
            Hosted(
                service=earning_pb2.DESCRIPTOR.services_by_name["EarningService"],
                room=EarningRpc(core.earning, core.keys),
            ),
            Hosted(
                service=review_pb2.DESCRIPTOR.services_by_name["ReviewService"],
                room=ReviewRpc(core.review, core.keys),
            ),
            Hosted(
                service=admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
                room=AdminRpc(
                    core.ledger, core.keys, authoring=core.authoring, audience=core.audience,
                    backtests=core.backtests, fraud=core.fraud_authoring, hashing=core.hashing,
                ),
            ),
        ],
        authenticator=_authenticator(settings),
        binding=Binding(
            host=settings.grpc_host, port=settings.grpc_port if port is None else port, tls=_tls(settings),
            insecure_bind=settings.insecure_bind, shared=shared,
        ),
        limits=_limits(settings),
        telemetry=DoorTelemetry(core.telemetry.meter, core.telemetry.tracer),
    )  # fmt: skip

    async def drain() -> None:
        # Not all of the time: the ledger, the pools and the telemetry need theirs to end in order.
        await server.drain(settings.drain_seconds * DRAIN_SHARE)

    address = await server.start()
    life.on_stop("server", drain)
    return address


def start_sweeper(settings: Settings, core: Core, life: Lifecycle) -> None:
    """Keep overdue holds and expired lots swept, events moving, customers warned and cases opened."""
    seconds = settings.sweep_interval_ms / 1_000
    life.keep("sweeper", Sweeper(core.ledger, seconds).run)
    worker = EarningWorker(core.pipeline, seconds, core.earning.arrived)
    watch_earning(core.telemetry.meter, worker, core.lookout)
    life.keep("earning", worker.run)
    ring_worker = RingWorker(core.rings, core.rings.tell, _now, seconds)
    watch_rings(core.telemetry.meter, ring_worker)
    life.keep("rings", ring_worker.run)
    life.keep("lookout", LookoutWorker(core.lookout, seconds).run)
    watch_review(core.telemetry.meter, core.review_worker)
    life.keep("review", core.review_worker.run)
    life.keep("fraud-memory", FraudWorker(core.fraud, core.ledger.programs).run)
    # Stops first: the round in work ends by itself before its loop is cancelled.
    life.on_stop("earning-round", worker.drain)


async def serve(
    settings: Settings, addresses: Addresses, *, sweep: bool, worker: int = 0, port: int | None = None,
    shared: bool = False, ready: Callable[[str], Awaitable[None]],
) -> int:  # fmt: skip
    """Run one service process until it is told to stop; `ready` is called with HOST:PORT once it serves."""
    async with Lifecycle(drain_seconds=settings.drain_seconds) as life:
        core = await start_core(settings, addresses, life, worker=worker)
        if sweep:
            start_sweeper(settings, core, life)
        address = await start_server(settings, core, life, port=port, shared=shared)
        settle_heap()
        _log.info("serving", extra={"address": address, "worker": worker})
        await ready(address)
        await life.until_stopped()
    return 0


async def work(settings: Settings, addresses: Addresses) -> int:
    """Run the background work alone until told to stop."""
    async with Lifecycle(drain_seconds=settings.drain_seconds) as life:
        core = await start_core(settings, addresses, life)
        start_sweeper(settings, core, life)
        settle_heap()
        _log.info("working")
        await life.until_stopped()
    return 0


async def reconcile(
    settings: Settings, addresses: Addresses, *, program_id: ProgramId | None, timeout_seconds: float
) -> Report:
    """Prove every invariant on the database and the cache, of one program or of all; writes nothing.

    Without an address of a cache, what is cached is not looked at.
    """
    # Whole tables are read, which the preference of the ledger's sessions for indexes would slow down.
    options = DatabaseOptions.from_settings(settings, addresses.database_url, prefer_indexes=False)
    database = await Database.open(options, application_name="wallet:reconcile", toy=settings.toy_database)
    cache = Cache.from_settings(settings, addresses.redis_url) if addresses.redis_url else None
    try:
        return await Reconciliation(database, cache).run(program_id, timeout_seconds=timeout_seconds)
    except DatabaseError as fault:
        raise StartError(unusable(fault)) from fault
    finally:
        if cache is not None:
            await cache.close()
        await database.close()


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000)


def unusable(fault: DatabaseError) -> str:
    """Say why a database that answers cannot be used."""
    if fault.sqlstate in _NOT_THERE:
        return "the database does not hold this version's tables and functions: run `wallet migrate` first"
    return f"the database cannot be used: {' '.join(str(fault).split())}"


def _quote_keys_file(settings: Settings) -> Path:
    return settings.quote_keys_file or settings.keys_dir / "quote-keys.json"


def _authenticator(settings: Settings) -> Authenticator:
    keys = TokenKeys(jwks_file=settings.auth_jwks_file, hs256_secret=development_secret(settings))
    policy = TokenPolicy(
        audience=settings.auth_audience,
        issuer=settings.auth_issuer,
        leeway_seconds=settings.auth_leeway_seconds,
    )
    return Authenticator(keys, policy)


def _tls(settings: Settings) -> TlsFiles | None:
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    return TlsFiles(
        certificate=settings.tls_certificate_file,
        key=settings.tls_key_file,
        client_ca=settings.tls_client_ca_file,
    )


def _limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        gate=GateLimits(
            in_flight_max=settings.in_flight_max, in_flight_reserved=settings.in_flight_reserved,
            watchers_max=settings.watchers_max,
        ),
        door=DoorLimits(
            deadline_default_seconds=settings.deadline_default_ms / 1_000,
            deadline_max_seconds=settings.deadline_max_ms / 1_000, message_bytes_max=settings.message_bytes_max,
        ),
        connection=ConnectionLimits(
            metadata_bytes_max=settings.metadata_bytes_max, age_seconds_max=settings.connection_age_seconds_max
        ),
    )  # fmt: skip
