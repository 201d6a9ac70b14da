"""TLS and mutual TLS from files that may be replaced while the service runs."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from wallet_service.runtime.errors import ConfigError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the chain, its key, and for mutual TLS the authorities that sign client certificates."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that follow the files; raises ConfigError, one line, if they do not fit together.

    The files are looked at on each handshake, so a renewed certificate needs no restart.
    """
    return grpc.dynamic_ssl_server_credentials(
        _read(files),
        _follow(files),  # type: ignore[arg-type]  # None means "unchanged"; the stubs do not know
        require_client_authentication=files.client_ca is not None,
    )


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    try:
        # gRPC would take nonsense here and fail every handshake later; the standard library looks now.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        authorities = None
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            authorities = files.client_ca.read_bytes()
        pair = (files.key.read_bytes(), files.certificate.read_bytes())
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        named = ", ".join(str(p) for p in (files.certificate, files.key, files.client_ca) if p)
        raise ConfigError(f"the TLS files cannot be used ({named}): {error}") from None
    return grpc.ssl_server_certificate_configuration([pair], authorities)


def _follow(files: TlsFiles) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    """Return what gRPC asks on each handshake: a new configuration, or None when nothing has changed."""
    seen = _states(files)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        try:
            states = _states(files)
            if states == seen:
                return None
            fresh = _read(files)
        except (OSError, ConfigError) as error:
            # Half a renewal (new key, old chain) is on disk for a moment: keep what works and look again.
            _log.warning("the renewed TLS files cannot be used yet: %s", error)
            return None
        seen = states
        return fresh

    return fetch


def _states(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    paths = [path for path in (files.certificate, files.key, files.client_ca) if path is not None]
    return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in (path.stat() for path in paths))
