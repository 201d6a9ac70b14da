"""Static SQL from `.sql` files: one statement a file, named by the file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType


def load_statements(package: str, folder: str = "sql") -> Mapping[str, str]:
    """Read `<package>/<folder>/*.sql`; the key is the file's stem. The header comment stays in the file."""
    return MappingProxyType(
        {
            entry.name.removesuffix(".sql"): _without_header(entry.read_text(encoding="utf-8"))
            for entry in resources.files(package).joinpath(*folder.split("/")).iterdir()
            if entry.name.endswith(".sql")
        }
    )


def _without_header(text: str) -> str:
    lines = text.splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("--")):
        del lines[0]
    return "\n".join(lines).strip().removesuffix(";")
