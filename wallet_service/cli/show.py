"""How answers look: money for a person, JSON for a machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

_TIMESTAMP: Final = "google.protobuf.Timestamp"


def console() -> Console:
    """Return a console on stdout; where that is not a terminal, lines are as long as they need to be."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; the columns named in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return made


def money(amount_minor: int, exponent: int, asset: str = "") -> str:
    """Return an amount as people write it: 4950 with exponent 2 is 49.50."""
    sign, digits = "-" if amount_minor < 0 else "", str(abs(amount_minor)).rjust(exponent + 1, "0")
    whole, part = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    written = f"{sign}{int(whole):,}" + (f".{part}" if part else "")
    return f"{written} {asset}".rstrip()


def moment(at: Timestamp) -> str:
    """Return a moment in UTC, to the second; a dash for none."""
    if not at.seconds and not at.nanos:
        return "-"
    return datetime.fromtimestamp(at.seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def word(enum: Any, number: int) -> str:
    """Return an enum's value as a word: ENTRY_KIND_CLAW_BACK is "claw back"."""
    prefix = "".join(f"_{letter}" if letter.isupper() else letter for letter in enum.DESCRIPTOR.name)
    name = str(enum.Name(number)) if number in enum.DESCRIPTOR.values_by_number else str(number)
    return name.removeprefix(prefix.upper().lstrip("_") + "_").replace("_", " ").lower()


def numbers_of(enum: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return the values that these words stand for, as `word` writes them; refuses a word that stands for none."""
    known = {word(enum, number): number for number in enum.values() if number}
    wanted = [name.replace("-", " ").replace("_", " ").lower() for name in names]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"no {what} {name!r}; there are {', '.join(sorted(known))}")
    return [known[name] for name in wanted]


def printable(text: str) -> str:
    """Return text that callers brought, safe to print: no markup, no control characters of a terminal."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))


def json_line(content: Mapping[str, object]) -> str:
    """Return a JSON object on one line."""
    return json.dumps(content, ensure_ascii=False)


def plain(message: Message) -> dict[str, Any]:
    """Return a message as JSON holds it: names as in the proto, whole numbers as numbers, bytes in hex, UTC times.

    Every field is there, unset ones with their default; a message that is absent is null.
    """
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(field, item) for item in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        if field.message_type.full_name == _TIMESTAMP:
            return value.ToJsonString()
        return plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value.hex() if isinstance(value, bytes) else value
