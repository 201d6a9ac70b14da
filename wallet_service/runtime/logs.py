"""Log lines for people or for machines, with secrets taken out of both."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

_REMOVED: Final = "[removed]"
_SECRET_NAMES: Final = re.compile(
    r"password|passwd|secret|token|authorization|api_?key|private|dsn|fingerprint", re.IGNORECASE
)
_SECRETS_IN_TEXT: Final = (
    (re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@"), r"\1:" + _REMOVED + "@"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), r"\1 " + _REMOVED),
    (re.compile(r"\beyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?"), _REMOVED),
    (re.compile(r"(?i)\b(password|secret|token)=[^\s&]+"), r"\1=" + _REMOVED),
)
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TEXT_MAX: Final = 8_192


def redacted(text: str) -> str:
    """Return the text without passwords in addresses, bearer tokens and the like; long text is cut."""
    for pattern, replacement in _SECRETS_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"


def extras(record: logging.LogRecord) -> dict[str, object]:
    """Return what `extra=` brought, with the values of secret names removed."""
    return {
        name: _REMOVED if _SECRET_NAMES.search(name) else _plain(value)
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the extras, the trace it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **extras(record),
            **_trace(),
        }
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """One line for a person."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows it."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        more = "".join(f" {name}={value}" for name, value in extras(record).items())
        line = f"{moment} {record.levelname.lower():<7} {redacted(record.getMessage())}{more}"
        if record.exc_info:
            line += "\n" + redacted(self.formatException(record.exc_info))
        return line


def set_up_logging(*, level: str, as_json: bool) -> None:
    """Send all log records to stderr in the chosen form; replaces what was set up before."""
    door = logging.StreamHandler(sys.stderr)
    door.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [door]
    root.setLevel(level.upper())
    # They repeat per call what we log once per cause.
    for chatty in ("asyncio", "grpc", "opentelemetry", "asyncpg"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _plain(value: object) -> object:
    if isinstance(value, str):
        return redacted(value)
    return value if isinstance(value, int | float | bool | None) else redacted(str(value))


def _trace() -> dict[str, Any]:
    api = sys.modules.get("opentelemetry.trace")  # not imported: telemetry is off
    if api is None:
        return {}
    context = api.get_current_span().get_span_context()
    return (
        {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
        if context.is_valid
        else {}
    )
