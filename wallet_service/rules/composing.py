"""How rules of one group go together: all count, the best wins, or the first excludes the others. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from wallet_service.rules.compiler import CompiledRule
from wallet_service.rules.model import Beaten
from wallet_service.rules.reckoning import WHOLE, Raw
from wallet_service.rules.rounding import apportioned, rounded
from wallet_service.rules.ruleset import Group, Level, Mode, Rounding, Ruleset


@dataclass(slots=True, kw_only=True)
class Contender:
    """A rule and what it would give; what it is left with, once composed."""

    compiled: CompiledRule
    raw: Raw
    beaten: list[Beaten] = field(default_factory=list)


def amounts(raw: Raw, ruleset: Ruleset) -> tuple[int, Sequence[int]]:
    """Return the whole amount before caps, and the parts of the lines it is about, which sum to it."""
    if raw.fixed is not None:
        return raw.fixed, apportioned(raw.fixed, raw.measures)
    if ruleset.rounded_per is Level.LINE:
        parts = [rounded(measure * raw.factor, WHOLE, ruleset.rounding) for measure in raw.measures]
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
    winners = _won(contenders, group.mode)
    lost: dict[tuple[int, int], int] = {}
    for number, contender in enumerate(contenders):
        raw = contender.raw
        kept: list[tuple[int, int]] = []
        for line, measure in zip(raw.lines, raw.measures, strict=True):
            winner = winners[line][1]
            if winner == number:
                kept.append((line, measure))
            else:
                lost[winner, number] = lost.get((winner, number), 0) + measure * raw.factor
        raw.lines, raw.measures = [line for line, _ in kept], [measure for _, measure in kept]
    for (winner, loser), parts in lost.items():
        amount = rounded(parts, WHOLE, rounding)
        if amount:
            rule_id = contenders[loser].compiled.rule.rule_id
            contenders[winner].beaten.append(Beaten(rule_id=rule_id, group=group.name, amount=amount))
    return [contender for contender in contenders if contender.raw.lines]


def _won(contenders: Sequence[Contender], mode: Mode) -> dict[int, tuple[int, int]]:
    """Return for each line what the winner offers, and which contender it is."""
    winners: dict[int, tuple[int, int]] = {}
    for number, contender in enumerate(contenders):
        factor = contender.raw.factor
        for line, measure in zip(contender.raw.lines, contender.raw.measures, strict=True):
            standing = winners.get(line)
            if standing is None or (mode is Mode.BEST and measure * factor > standing[0]):
                winners[line] = (measure * factor, number)
    return winners
