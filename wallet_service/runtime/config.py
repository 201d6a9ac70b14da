"""Every setting in one frozen object, read from the environment; all faults are reported together.

A setting `grpc_port` is the variable `WALLET_GRPC_PORT`; `DATABASE_URL` and `REDIS_URL` count without the prefix too.
Sources, strongest first: what the command line passes, then the environment. Secrets are never printed.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    FilePath,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from wallet_service.runtime.errors import ConfigError

PREFIX: Final = "WALLET_"
_BARE_NAMES: Final = ("DATABASE_URL", "REDIS_URL")
_LOOKS_LIKE_A_TYPO: Final = 0.88

Port = Annotated[int, Field(ge=0, le=65_535)]
Milliseconds = Annotated[int, Field(ge=1, le=3_600_000)]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]


def _also_bare(name: str) -> AliasChoices:
    return AliasChoices(PREFIX + name, name)


class Settings(BaseSettings):
    """The settings of one process; the descriptions are the operator's manual."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    # Where the state lives
    data_dir: Path = Field(Path(".data"), description="Folder of the embedded servers and of generated keys.")
    database_url: SecretStr | None = Field(
        None,
        validation_alias=_also_bare("DATABASE_URL"),
        description="PostgreSQL of the service; unset starts the embedded one.",
    )
    database_admin_url: SecretStr | None = Field(
        None, description="Login that owns the schema, for migrations; unset uses the service's login."
    )
    database_role: str = Field(
        "wallet_app", description="Role taken at connect: it may only SELECT and EXECUTE."
    )
    database_pool_size: PositiveInt = Field(8, description="Connections for reads, per process.")
    database_connect_timeout_ms: Milliseconds = Field(5_000, description="Limit on opening a connection.")
    database_statement_timeout_ms: Milliseconds = Field(
        5_000, description="The server ends a statement then."
    )
    database_lock_timeout_ms: Milliseconds = Field(2_000, description="The server ends a lock wait then.")
    database_behind_pooler: bool = Field(
        False, description="A transaction pooler is in between: no prepared statements, no startup settings."
    )
    toy_database: bool = Field(
        False,
        description="Accept a database that may lose acknowledged money (fsync off). Never in production.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=_also_bare("REDIS_URL"),
        description="Redis or Valkey; unset starts the embedded one.",
    )
    redis_timeout_ms: Milliseconds = Field(50, description="Limit on every call to the cache.")
    redis_connections_max: PositiveInt = Field(16, description="Connections to the cache, per process.")
    snapshot_ttl_seconds: PositiveInt = Field(60, description="How long a cached wallet snapshot lives.")

    # The front door
    grpc_host: str = Field("127.0.0.1", description="Address to listen on.")
    grpc_port: Port = Field(50_051, description="Port to listen on; 0 takes a free one.")
    workers: Annotated[int, Field(ge=1, le=128)] = Field(
        1, description="Service processes that share the port; one per core at most."
    )
    tls_certificate_file: FilePath | None = Field(None, description="PEM chain; turns TLS on.")
    tls_key_file: FilePath | None = Field(None, description="PEM private key of the certificate.")
    tls_client_ca_file: FilePath | None = Field(
        None, description="PEM authorities of client certificates; turns mutual TLS on."
    )
    insecure_bind: bool = Field(
        False, description="Allow listening beyond loopback without TLS (a mesh or proxy encrypts)."
    )

    # Who may call
    auth_jwks_file: FilePath | None = Field(None, description="JWKS file with the issuer's public keys.")
    auth_hs256_secret_file: FilePath | None = Field(
        None, description="Shared secret for development tokens; unset with no JWKS: one is generated."
    )
    auth_audience: str = Field("wallet-service", description="Required `aud` of a token.")
    auth_issuer: str | None = Field(None, description="Required `iss` of a token, when set.")
    auth_leeway_seconds: Annotated[int, Field(ge=0, le=300)] = Field(
        5, description="Tolerated difference between clocks in `exp` and `nbf`."
    )
    quote_keys_file: Path | None = Field(
        None,
        description="Keys that sign quotes (key id → secret); unset generates one under the data folder.",
    )
    device_key_file: Path | None = Field(
        None, description="Key that hashes device fingerprints; unset generates one under the data folder."
    )
    device_keys_file: Path | None = Field(
        None, description="Ring of such keys, so that they can rotate; takes the place of the one key."
    )

    fraud_budget_ms: Milliseconds = Field(
        20,
        description="What a decision waits for fraud signals; what is not there by then counts as unknown.",
    )

    # Limits
    deadline_default_ms: Milliseconds = Field(2_000, description="Deadline of a call that brings none.")
    deadline_max_ms: Milliseconds = Field(30_000, description="Longest deadline that counts.")
    in_flight_max: PositiveInt = Field(1_024, description="Calls in work per process; more are shed early.")
    in_flight_reserved: NonNegativeInt = Field(
        256, description="Part of these that only calls which finish something (Commit, Release) may use."
    )
    watchers_max: PositiveInt = Field(1_000, description="Open WatchWallet streams per process.")
    message_bytes_max: Annotated[int, Field(ge=1_024, le=64 << 20)] = Field(
        1 << 20, description="Largest request message."
    )
    metadata_bytes_max: Annotated[int, Field(ge=1_024, le=1 << 20)] = Field(
        16 << 10, description="Largest metadata of a call."
    )
    connection_age_seconds_max: PositiveInt = Field(
        1_800, description="Connections are renewed after this, so that load spreads over new processes."
    )
    batch_max: Annotated[int, Field(ge=1, le=4_096)] = Field(512, description="Commands in one ledger batch.")
    batches_in_flight: Annotated[int, Field(ge=1, le=16)] = Field(
        2, description="Ledger batches in flight per process, each on a connection of its own."
    )
    queue_max: PositiveInt = Field(
        8_192, description="Ledger commands waiting per process; more are refused."
    )
    drain_seconds: Annotated[int, Field(ge=1, le=600)] = Field(
        20, description="Longest time to finish what is in flight after SIGTERM."
    )
    sweep_interval_ms: Milliseconds = Field(
        1_000, description="How often overdue holds and expired lots are swept."
    )

    # What it tells
    otlp_endpoint: str | None = Field(
        None, description="OTLP/gRPC collector for traces and metrics; unset: none are sent."
    )
    prometheus_host: str = Field("127.0.0.1", description="Address of the Prometheus page.")
    prometheus_port: Port | None = Field(
        None, description="Port of the Prometheus page; worker n adds n; unset: no page."
    )
    trace_sample_ratio: Ratio = Field(
        0.01, description="Share of calls traced when the caller did not decide."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_json: bool = Field(False, description="One JSON object per log line, for machines.")

    @field_validator("database_url", "database_admin_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _well_formed(url, {"postgres", "postgresql"}):
            raise ValueError("must look like postgresql://user:password@host:5432/database")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _well_formed(url, {"redis", "rediss", "unix"}):
            raise ValueError("must look like redis://host:6379/0, rediss://… or unix:///path/to/socket")
        return url

    @field_validator("tls_key_file")
    @classmethod
    def _key_and_certificate_go_together(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate_file" in info.data and (key is None) != (
            info.data["tls_certificate_file"] is None
        ):
            raise ValueError("a certificate and its key are set together (WALLET_TLS_CERTIFICATE_FILE)")
        return key

    @field_validator("tls_client_ca_file")
    @classmethod
    def _mutual_tls_needs_tls(cls, authority: Path | None, info: ValidationInfo) -> Path | None:
        if authority is not None and info.data.get("tls_certificate_file", ...) is None:
            raise ValueError("mutual TLS needs TLS: set WALLET_TLS_CERTIFICATE_FILE and WALLET_TLS_KEY_FILE")
        return authority

    @field_validator("insecure_bind")
    @classmethod
    def _plain_text_stays_at_home(cls, insecure: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        host, certificate = info.data.get("grpc_host"), info.data.get("tls_certificate_file", ...)
        if host is not None and certificate is None and not insecure and not is_loopback(host):
            raise ValueError(
                f"listening on {host} without TLS is refused: set WALLET_TLS_CERTIFICATE_FILE and"
                " WALLET_TLS_KEY_FILE, or say WALLET_INSECURE_BIND=true if something else encrypts"
            )
        return insecure

    @field_validator("deadline_max_ms")
    @classmethod
    def _default_fits_into_maximum(cls, maximum: int, info: ValidationInfo) -> int:
        if info.data.get("deadline_default_ms", 0) > maximum:
            raise ValueError("must not be below WALLET_DEADLINE_DEFAULT_MS")
        return maximum

    @field_validator("in_flight_reserved")
    @classmethod
    def _reserve_leaves_room(cls, reserved: int, info: ValidationInfo) -> int:
        if reserved >= info.data.get("in_flight_max", reserved + 1):
            raise ValueError("must be below WALLET_IN_FLIGHT_MAX")
        return reserved

    @property
    def tls(self) -> bool:
        """Whether the door speaks TLS."""
        return self.tls_certificate_file is not None

    @property
    def keys_dir(self) -> Path:
        """Where keys are generated that the configuration does not name."""
        return self.data_dir / "keys"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read all settings; `overrides` (by field name) win over the environment. Raises ConfigError with every fault."""
    faults = _suspicious_names(os.environ)
    try:
        settings = Settings(**dict(overrides or {}))  # type: ignore[arg-type]
    except ValidationError as invalid:
        faults = [*(_sentence(fault["loc"], fault["msg"]) for fault in invalid.errors()), *faults]
        raise ConfigError(_all(faults)) from None  # the cause would quote what was typed, secrets included
    if faults:
        raise ConfigError(_all(faults))
    return settings


def _all(faults: list[str]) -> str:
    if len(faults) == 1:
        return f"the settings cannot be used: {faults[0]}"
    return "\n".join(["the settings cannot be used:", *(f"  {fault}" for fault in faults)])


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    field = str(location[0]) if location else ""
    bare = field.upper().removeprefix(PREFIX)
    name = bare if bare in _BARE_NAMES else PREFIX + bare
    return f"{name}: {message.removeprefix('Value error, ')}"


def _suspicious_names(environment: Mapping[str, str]) -> list[str]:
    """Name variables that look like a mistyped setting; others with our prefix may be a cluster's or a shell's."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    faults: list[str] = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_LOOKS_LIKE_A_TYPO)
            faults += [f"{name}: no such setting; did you mean {near[0]}?"] if near else []
    return faults


def _well_formed(url: SecretStr, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(url.get_secret_value())
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or parts.path or parts.query)
