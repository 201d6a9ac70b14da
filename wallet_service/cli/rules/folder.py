"""A program's rules, campaigns and segments as a folder of JSON files, and how they differ from what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from wallet_service.rules import document
from wallet_service.rules.differing import Difference, changed_fields, differences
from wallet_service.rules.ruleset import (
    AttributeTest,
    Campaign,
    Finding,
    Ruleset,
    SegmentDefinition,
    SegmentRule,
)

if TYPE_CHECKING:
    from wallet.v1 import rules_pb2
    from wallet_client import AsyncWalletClient

T = TypeVar("T", Campaign, SegmentDefinition)

RULESET: Final = "ruleset.json"
CAMPAIGNS: Final = "campaigns"
SEGMENTS: Final = "segments"
FILES_MAX: Final = 5_000
_EMPTY: Final = Ruleset(time_zone="")


@dataclass(slots=True, kw_only=True)
class Configuration:
    """What can live in git: lists of customers cannot."""

    text: str = ""
    """The ruleset; empty: there is none."""
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    segments: dict[str, SegmentDefinition] = field(default_factory=dict)


def read_path(path: Path) -> tuple[Configuration, list[Finding]]:
    """Return what a file or folder says, and everything in it that cannot be read, each with its file."""
    if path.is_file():
        return Configuration(text=path.read_text(encoding="utf-8")), []
    findings: list[Finding] = []
    ruleset = path / RULESET
    return Configuration(
        text=ruleset.read_text(encoding="utf-8") if ruleset.is_file() else "",
        campaigns=_read(path, CAMPAIGNS, Campaign, "campaign_id", findings),
        segments=_read(path, SEGMENTS, SegmentDefinition, "segment_id", findings),
    ), findings  # fmt: skip


def _read(folder: Path, kind: str, shape: type[T], key: str, findings: list[Finding]) -> dict[str, T]:
    read: dict[str, T] = {}
    for path in sorted((folder / kind).glob("*.json"))[:FILES_MAX]:
        place = f"{kind}/{path.name}"
        value, found = document.parsed(shape, path.read_text(encoding="utf-8"))
        findings += [
            Finding(path=f"{place}: {each.path}", problem=each.problem, message=each.message)
            for each in found
        ]
        if value is None:
            continue
        named = str(getattr(value, key))
        if named != path.stem:
            message = f"The file is named {path.stem}, and says {named}."
            findings.append(Finding(path=f"{place}: {key}", problem="CONTRADICTION", message=message))
        read[named] = value
    return read


def write_folder(folder: Path, configuration: Configuration) -> list[str]:
    """Write everything; returns the files that are different now. A file of nothing that is there is left alone."""
    texts = {
        f"{CAMPAIGNS}/{name}.json": document.pretty(each) for name, each in configuration.campaigns.items()
    }
    texts |= {
        f"{SEGMENTS}/{name}.json": document.pretty(each) for name, each in configuration.segments.items()
    }
    if configuration.text:
        texts[RULESET] = pretty_ruleset(configuration.text)
    changed = []
    for name, text in sorted(texts.items()):
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(name)
    return changed


def pretty_ruleset(text: str) -> str:
    """Return a ruleset as it stands in a file: the same text for the same rules."""
    ruleset, findings = document.parsed(Ruleset, text)
    assert ruleset is not None, findings
    return document.pretty(ruleset)


async def read_program(client: AsyncWalletClient, program: str) -> Configuration:
    """Return the campaigns and segments of a program as they are; the ruleset is left out."""
    return Configuration(
        campaigns={
            each.campaign_id: _campaign(each) async for each in client.rules.campaigns(program, page_size=500)
        },
        segments={
            each.segment_id: _segment(each) async for each in client.rules.segments(program, page_size=500)
        },
    )


def _campaign(message: rules_pb2.Campaign) -> Campaign:
    return Campaign(
        campaign_id=message.campaign_id, title=message.title, starts_at=message.starts_at, ends_at=message.ends_at,
        budget=message.budget, funding_account=message.funding_account,
    )  # fmt: skip


def campaign_message(campaign: Campaign) -> rules_pb2.Campaign:
    """Return a campaign as a message."""
    from wallet.v1 import rules_pb2

    return rules_pb2.Campaign(
        campaign_id=campaign.campaign_id, title=campaign.title, starts_at=campaign.starts_at, ends_at=campaign.ends_at,
        budget=campaign.budget, funding_account=campaign.funding_account,
    )  # fmt: skip


def _segment(message: rules_pb2.Segment) -> SegmentDefinition:
    tests = tuple(
        AttributeTest(
            name=test.name, any_of=tuple(test.any_of), none_of=tuple(test.none_of),
            at_least=test.at_least if test.HasField("at_least") else None,
            at_most=test.at_most if test.HasField("at_most") else None,
        )
        for test in message.rule.all_of
    )  # fmt: skip
    return SegmentDefinition(
        segment_id=message.segment_id, title=message.title, rule=SegmentRule(all_of=tests) if tests else None
    )


def rule_message(definition: SegmentDefinition) -> rules_pb2.SegmentRule:
    """Return a segment's rule as a message; of none, the one that takes a rule away."""
    from wallet.v1 import rules_pb2

    tests = definition.rule.all_of if definition.rule is not None else ()
    return rules_pb2.SegmentRule(
        all_of=[
            rules_pb2.AttributeTest(
                name=test.name, any_of=test.any_of, none_of=test.none_of, at_least=test.at_least, at_most=test.at_most
            )
            for test in tests
        ]
    )  # fmt: skip


def ruleset_differences(before: str, after: str) -> list[Difference]:
    """Return how the ruleset of one text differs from another's; both can be read."""
    old, new = (document.parsed(Ruleset, text)[0] if text else _EMPTY for text in (before, after))
    assert old is not None
    assert new is not None
    return list(differences(old, new))


def item_differences(before: Configuration, after: Configuration) -> Iterator[Difference]:
    """Report how the campaigns and segments of a folder differ from what is there; what only is there is left alone."""
    yield from _of_items(CAMPAIGNS, before.campaigns, after.campaigns)
    yield from _of_items(SEGMENTS, before.segments, after.segments)


def _of_items(kind: str, before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[Difference]:
    for name, wanted in after.items():
        path = f"{kind}[{name}]"
        if name not in before:
            yield Difference(path=path, before="", after=document.written(wanted))
        else:
            yield from changed_fields(f"{path}.", before[name], wanted)
