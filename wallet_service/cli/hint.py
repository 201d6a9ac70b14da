"""What `wallet up` leaves under the data folder while it runs, so that other commands find it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

_NAME: Final = "endpoint.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Where the service is, and the servers that it brought itself; empty where there is nothing to say.

    Addresses of embedded servers are unix sockets in a closed folder, so they hold no password.
    """

    target: str = ""
    ca_file: str = ""
    server_name: str = ""
    database_url: str = ""
    redis_url: str = ""


@contextmanager
def published(data_dir: Path, hint: Hint) -> Iterator[None]:
    """Keep the hint there for the length of the block."""
    path = data_dir / _NAME
    draft = path.with_name(f"{_NAME}.{os.getpid()}")
    written = json.dumps({**asdict(hint), "pid": os.getpid()}, indent=2) + "\n"
    draft.write_text(written, encoding="utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        # Two services may share a folder, each with a database elsewhere: the hint is the later one's.
        if path.exists() and path.read_text(encoding="utf-8") == written:
            path.unlink()


def read_hint(data_dir: Path) -> Hint:
    """Return the hint; an empty one where there is none, or none that can be read."""
    try:
        content = json.loads((data_dir / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Hint()
    if not isinstance(content, dict):
        return Hint()
    known = {field.name for field in fields(Hint)}
    return Hint(
        **{name: value for name, value in content.items() if name in known and isinstance(value, str)}
    )
