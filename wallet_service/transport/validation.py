"""Request validation by the rules written in the protos: the first violation becomes a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message
from protovalidate import Validator

from wallet_service.kernel.errors import Reason, Refusal

if TYPE_CHECKING:
    from protovalidate import Violation

_VALIDATOR: Final = Validator()
"""Shared: it compiles the rules of a message type once, on first use."""


def first_violation(message: Message, within: str = "") -> Refusal | None:
    """Return FIELD_INVALID for the first field that holds what it cannot, or None.

    The field is a dotted path; `within` goes in front of it: a batch judges its items one by one and says
    `first_violation(operation, "operations[3]")` to get `operations[3].reserve.amount_minor`.
    """
    violations = _VALIDATOR.collect_violations(message, fail_fast=True)
    if not violations:
        return None
    path = ".".join(part for part in (within, _path(violations[0])) if part)
    # The text comes from the rule; the value, which may be personal, is never repeated.
    return Refusal(reason=Reason.FIELD_INVALID, field=path, detail=_sentence(violations[0]))


def _path(violation: Violation) -> str:
    field = violation.proto.field
    if field is None:
        return ""
    names: list[str] = []
    for element in field.elements:
        subscript = element.subscript
        names.append(element.field_name if subscript is None else f"{element.field_name}[{subscript.value}]")
    return ".".join(names)


def _sentence(violation: Violation) -> str:
    text = violation.proto.message or violation.proto.rule_id
    return f"{text[:1].upper()}{text[1:]}." if text else ""
