"""What is different between two rulesets, rule by rule. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wallet_service.rules import document
from wallet_service.rules.ruleset import Group, Rule, Ruleset


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place, as JSON before and after; empty where there is none."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What is different between two documents, and which revisions of drafts they were; 0: a version."""

    differences: tuple[Difference, ...]
    before_revision: int
    after_revision: int


def differences(before: Ruleset, after: Ruleset) -> tuple[Difference, ...]:
    """Return all differences; rules and groups are compared by their ids, whatever their order."""
    return (
        *changed_fields("", before, after, leave_out=("rules", "groups")),
        *_named("groups", _groups(before), _groups(after)),
        *_named("rules", _rules(before), _rules(after)),
    )


def _rules(ruleset: Ruleset) -> Mapping[str, Rule]:
    return {rule.rule_id: rule for rule in ruleset.rules}


def _groups(ruleset: Ruleset) -> Mapping[str, Group]:
    return {group.name: group for group in ruleset.groups}


def _named(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Difference]:
    for name in (*before, *(name for name in after if name not in before)):
        path = f"{what}[{name}]"
        if name not in after:
            yield Difference(path=path, before=document.written(before[name]), after="")
        elif name not in before:
            yield Difference(path=path, before="", after=document.written(after[name]))
        else:
            yield from changed_fields(f"{path}.", before[name], after[name])


def changed_fields(
    path: str, before: object, after: object, leave_out: Sequence[str] = ()
) -> Iterator[Difference]:
    """Report the fields in which two values of one shape differ."""
    assert dataclasses.is_dataclass(before)
    for field in dataclasses.fields(before):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name not in leave_out and old != new:
            yield Difference(
                path=f"{path}{field.name}", before=document.written(old), after=document.written(new)
            )
