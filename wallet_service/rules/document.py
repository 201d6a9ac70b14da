"""JSON documents to frozen values and back. Reads everything and reports every finding at once, with its path. Pure."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from wallet_service.rules.ruleset import Finding

T = TypeVar("T")

BYTES_MAX: Final = 4_000_000
TEXT_MAX: Final = 256
NUMBER_MAX: Final = 10**15
FINDINGS_MAX: Final = 500


class _Absent(Enum):
    """What could not be read; never leaves this file."""

    ABSENT = 0


_ABSENT: Final = _Absent.ABSENT


def parsed(shape: type[T], text: str) -> tuple[T | None, tuple[Finding, ...]]:
    """Return the value that a JSON text says, or None and everything that is wrong with it."""
    findings: list[Finding] = []
    if len(text) > BYTES_MAX:
        return None, (Finding(path="", problem="TOO_LARGE", message="The document is too large."),)
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as fault:
        return None, (Finding(path="", problem="NOT_JSON", message=f"The document is not JSON: {fault}"),)
    value = _read(shape, raw, "", findings)
    if findings or value is _ABSENT:
        return None, tuple(findings[:FINDINGS_MAX])
    return value, ()


def written(value: object) -> str:
    """Return the canonical JSON text of a value: fields in order, what is absent left out."""
    return msgspec.json.encode(_plain(value)).decode()


def pretty(value: object) -> str:
    """Return the same for people and for git: indented, one line's change is one line's difference."""
    return msgspec.json.format(written(value).encode(), indent=2).decode() + "\n"


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


@cache
def _hints(shape: type[Any]) -> dict[str, Any]:
    return get_type_hints(shape)


def _read(shape: Any, raw: object, path: str, findings: list[Finding]) -> Any:
    origin = get_origin(shape)
    if origin is tuple:
        return _read_list(get_args(shape)[0], raw, path, findings)
    if origin in {Union, types.UnionType}:
        (inner,) = [arm for arm in get_args(shape) if arm is not types.NoneType]
        return _read(inner, raw, path, findings)
    if dataclasses.is_dataclass(shape):
        return _read_fields(shape, raw, path, findings)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return _read_word(shape, raw, path, findings)
    return _read_plain(shape, raw, path, findings)


def _read_list(inner: Any, raw: object, path: str, findings: list[Finding]) -> Any:
    if not isinstance(raw, list):
        return _wrong(path, "a list", findings)
    return tuple(_read(inner, item, f"{path}[{index}]", findings) for index, item in enumerate(raw))


def _read_fields(shape: Any, raw: object, path: str, findings: list[Finding]) -> Any:
    if not isinstance(raw, dict):
        return _wrong(path, "an object", findings)
    hints, given = _hints(shape), {}
    _unknown_fields(raw, hints, path, findings)
    for field in dataclasses.fields(shape):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in raw:
            given[field.name] = _read(hints[field.name], raw[field.name], place, findings)
        elif field.default is dataclasses.MISSING:
            findings.append(Finding(path=place, problem="MISSING_FIELD", message="This must be said."))
            given[field.name] = _ABSENT
    return _ABSENT if _ABSENT in given.values() else shape(**given)


def _unknown_fields(
    raw: Mapping[str, object], hints: Mapping[str, object], path: str, findings: list[Finding]
) -> None:
    for name in raw:
        if name not in hints:
            known = ", ".join(hints)
            place = f"{path}.{name[:TEXT_MAX]}" if path else name[:TEXT_MAX]
            findings.append(
                Finding(
                    path=place, problem="UNKNOWN_FIELD", message=f"There is no such field; there are {known}."
                )
            )


def _read_word(shape: type[Enum], raw: object, path: str, findings: list[Finding]) -> Any:
    for member in shape:
        if member.value == raw:
            return member
    return _wrong(path, "one of " + ", ".join(str(member.value) for member in shape), findings)


def _read_plain(shape: type, raw: object, path: str, findings: list[Finding]) -> Any:
    if type(raw) is not shape:
        return _wrong(path, {int: "a whole number", str: "a text", bool: "true or false"}[shape], findings)
    if isinstance(raw, str) and (len(raw) > TEXT_MAX or not raw.isprintable()):
        return _wrong(path, f"at most {TEXT_MAX} printable characters", findings)
    if isinstance(raw, int) and not -NUMBER_MAX <= raw <= NUMBER_MAX:
        return _wrong(path, f"a number up to {NUMBER_MAX}", findings)
    return raw


def _wrong(path: str, wanted: str, findings: list[Finding]) -> _Absent:
    findings.append(Finding(path=path, problem="WRONG_TYPE", message=f"This must be {wanted}."))
    return _ABSENT
