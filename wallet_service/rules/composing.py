"""How rules of one group go together: all count, the best wins, or the first excludes the others. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never

from msgspec import Struct

from wallet_service.rules.compiler import CompiledRule
from wallet_service.rules.model import Beaten
from wallet_service.rules.reckoning import WHOLE, Raw
from wallet_service.rules.rounding import apportioned, rounded, rounded_each
from wallet_service.rules.ruleset import Group, Level, Mode, Rounding, Ruleset


class Contender(Struct, kw_only=True):
    """A rule and what it would give; what it is left with, once composed."""

    compiled: CompiledRule
    raw: Raw
    beaten: list[Beaten] = []


def amounts(raw: Raw, ruleset: Ruleset) -> tuple[int, Sequence[int]]:
    """Return the whole amount before caps, and the parts of the lines it is about, which sum to it."""
    if raw.fixed is not None:
        return raw.fixed, apportioned(raw.fixed, raw.measures)
    if ruleset.rounded_per is Level.LINE:
        parts = rounded_each(raw.measures, raw.factor, WHOLE, ruleset.rounding)
        return sum(parts), parts
    amount = rounded(sum(raw.measures) * raw.factor, WHOLE, ruleset.rounding)
    return amount, apportioned(amount, raw.measures)


def composed(contenders: Sequence[Contender], group: Group, ruleset: Ruleset) -> list[Contender]:
    """Return who remains of one group, in order of priority."""
    if group.mode is Mode.STACK or len(contenders) == 1:
        return list(contenders)
    match group.level:
        case Level.ORDER:
            return [_winner_of_order(contenders, group, ruleset)]
        case Level.LINE:
            return _winners_of_lines(contenders, group, ruleset.rounding)
        case _:
            assert_never(group.level)


def _winner_of_order(contenders: Sequence[Contender], group: Group, ruleset: Ruleset) -> Contender:
    offered = [amounts(contender.raw, ruleset)[0] for contender in contenders]
    # The first of equals: the highest priority.
    best = offered.index(max(offered)) if group.mode is Mode.BEST else 0
    winner = contenders[best]
    winner.beaten += [
        Beaten(rule_id=contender.compiled.rule.rule_id, group=group.name, amount=amount)
        for contender, amount in zip(contenders, offered, strict=True)
        if contender is not winner and amount
    ]
    return winner


def _winners_of_lines(contenders: Sequence[Contender], group: Group, rounding: Rounding) -> list[Contender]:
    winners = _won(contenders, best=group.mode is Mode.BEST)
    winning = set(winners.values())
    all_parted: list[tuple[Raw, _Parted]] = []
    # Rules about the whole basket share its lines, so that all who win nothing lose the same to the same.
    beaten: dict[tuple[int, int], _Parted] = {}
    for number, contender in enumerate(contenders):
        raw = contender.raw
        if len(raw.lines) == 1:
            if (winner := winners[raw.lines[0]]) == number:
                continue
            parted: _Parted = (), (), {winner: raw.measures[0]}
        elif number in winning:
            parted = _parted(number, raw, winners)
        else:
            same = _identity(raw)
            if same not in beaten:
                beaten[same] = _parted(number, raw, winners)
            parted = beaten[same]
        all_parted.append((raw, parted))
        for winner, measure in parted[2].items():
            amount = rounded(measure * raw.factor, WHOLE, rounding)
            if amount:
                rule_id = contender.compiled.rule.rule_id
                contenders[winner].beaten.append(Beaten(rule_id=rule_id, group=group.name, amount=amount))
    # Last: until here the lines that raws share are told by their identity.
    for raw, (lines, measures, _) in all_parted:
        raw.lines, raw.measures = lines, measures
    return [contender for contender in contenders if contender.raw.lines]


_Parted: TypeAlias = tuple[Sequence[int], Sequence[int], Mapping[int, int]]
"""The lines that a contender keeps, their measures, and what it lost to which other: the sum of the measures."""


def _parted(number: int, raw: Raw, winners: Mapping[int, int]) -> _Parted:
    lost: dict[int, int] = {}
    lines: list[int] = []
    measures: list[int] = []
    for line, measure in zip(raw.lines, raw.measures, strict=True):
        winner = winners[line]
        if winner == number:
            lines.append(line)
            measures.append(measure)
        else:
            lost[winner] = lost.get(winner, 0) + measure
    return lines, measures, lost


def _identity(raw: Raw) -> tuple[int, int]:
    """Return what is the same for raws that share lines and measures, for as long as they hold on to them."""
    return id(raw.lines), id(raw.measures)


def _won(contenders: Sequence[Contender], *, best: bool) -> dict[int, int]:
    """Return which contender wins each line: of the best, the first of equals."""
    winners: dict[int, int] = {}
    offers: dict[int, int] = {}
    strongest: dict[tuple[int, int], int] = {}
    for number, contender in enumerate(contenders):
        raw, factor = contender.raw, contender.raw.factor
        if len(raw.lines) > 1:
            same = _identity(raw)
            before = strongest.get(same)
            if before is not None and (factor <= before or not best):
                continue  # who offers no more for the very same lines wins none of them
            strongest[same] = factor
        for line, measure in zip(raw.lines, raw.measures, strict=True):
            offer = measure * factor
            if line not in winners or (best and offer > offers[line]):
                winners[line], offers[line] = number, offer
    return winners
