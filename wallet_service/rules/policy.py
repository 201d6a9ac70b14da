"""What an event earns by a compiled ruleset. Pure; whole numbers only.

In this order: rules that match reckon; groups compose; amounts are rounded and trimmed by caps, the highest priority
first; then multipliers, on what was really given. So a cap also bounds what is multiplied. Whom a cap or budget of its
own leaves nothing takes nobody's place: it stands aside, and its group is composed without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add
from typing import Final, Protocol

from wallet_service.kernel.clock import Instant
from wallet_service.rules.compiler import ALL_SCOPE, Compiled, CompiledRule, Limit, Match
from wallet_service.rules.composing import Contender, amounts, composed
from wallet_service.rules.model import Award, Basket, CapKey, CapUse, Customer, Headroom, Period, Priced, Trim
from wallet_service.rules.occasion import Occasion
from wallet_service.rules.reckoning import Raw, multiplied
from wallet_service.rules.rounding import apportioned


def cap_keys(compiled: Compiled, basket: Basket, customer: Customer, moment: Instant) -> tuple[CapKey, ...]:
    """Return the caps that reach beyond this order and may trim it; ask what is left of them before pricing."""
    at = compiled.occasion(basket, customer, moment)
    return cap_keys_of(at, compiled.matching(at, moment))


def cap_keys_of(at: Occasion, matching: Sequence[Match]) -> tuple[CapKey, ...]:
    """Return the same for rules that are known to match."""
    found: dict[str, CapKey] = {}
    for rule, _ in matching:
        for limit in rule.limits:
            if limit.period is not Period.ORDER:
                key = limit.key_at(at)
                if key not in found:
                    found[key] = CapKey(
                        key=key, period=limit.period, limit=limit.limit, campaign_id=limit.campaign_id
                    )
    return tuple(found.values())


RUNS_MAX: Final = 8
"""How often groups are composed again because an order itself used something up; then who won stays."""


_SHARED: Final = f"{ALL_SCOPE}/"


class Allowance(Protocol):
    """Who knows what caps have left."""

    def left(self, cap_key: str, limit: int) -> int:
        """Return what is left of a cap of this limit."""


def price(
    basket: Basket, customer: Customer, moment: Instant, compiled: Compiled, headroom: Headroom
) -> Priced:
    """Return what the event earns, with the reasons; never more than the headroom of any cap."""
    return price_at(compiled.occasion(basket, customer, moment), moment, compiled, headroom)


def price_at(
    at: Occasion,
    moment: Instant,
    compiled: Compiled,
    allowance: Allowance,
    *,
    matching: Sequence[Match] | None = None,
) -> Priced:
    """Return the same for an occasion that is made already, in the ruleset's time zone, and for rules that match it."""
    matching = compiled.matching(at, moment) if matching is None else matching
    return _Pricing(at, compiled, allowance).run(matching)


class _Pricing:
    """One event being priced: what has been given so far, and what caps have left."""

    def __init__(self, at: Occasion, compiled: Compiled, allowance: Allowance) -> None:
        self._at = at
        self._compiled = compiled
        self._allowance = allowance
        self._left: dict[str, int] = {}
        self._whole: dict[str, int] = {}
        """What caps that reach beyond the order had left before it."""
        self._awards: list[Award] = []
        self._parts: dict[str, Sequence[int]] = {}
        self._total: list[int] = [0] * len(at.everything)
        self._own: Sequence[int] = tuple(self._total)
        """What each line was given by rules that do not multiply."""
        self._aside: set[str] = set()
        """Rules of this depth that compete with nobody: something of their own is used up."""

    def run(self, matching: Sequence[Match]) -> Priced:
        """Price depth by depth: a multiplier needs what it multiplies."""
        by_depth: dict[int, list[tuple[CompiledRule, Sequence[int]]]] = {}
        for rule, lines in matching:
            by_depth.setdefault(rule.depth, []).append((rule, lines))
        for depth in sorted(by_depth):
            self._run_depth(by_depth[depth])
            if depth == 0:
                self._own = tuple(self._total)
        return self._priced()

    def _run_depth(self, matching: Sequence[Match]) -> None:
        """Give what rules of one depth give: again, while somebody who had won finds that nothing is left for it."""
        aside = self._aside = {
            rule.rule.rule_id for rule, _ in matching if rule.own_limits and self._spent(rule)
        }
        for run in range(1, RUNS_MAX + 1):
            known = len(aside)
            before = self._left.copy(), len(self._awards), self._parts.copy(), list(self._total)
            raws = [(rule, self._raw(rule, lines)) for rule, lines in matching]
            contenders = [Contender(compiled=rule, raw=raw) for rule, raw in raws if raw is not None]
            for contender in self._remaining(contenders):
                self._give(contender)
            if len(aside) == known or run == RUNS_MAX:
                return
            left, awards, self._parts, self._total = before
            self._left = self._whole | left
            del self._awards[awards:]

    def _spent(self, rule: CompiledRule) -> bool:
        for limit in rule.own_limits:
            key = limit.key_at(self._at)
            if not (self._left[key] if key in self._left else self._left_of(limit, key)):
                return True
        return False

    def _left_of(self, limit: Limit, key: str) -> int:
        """Ask what a cap has left that was not asked for yet."""
        left = self._left[key] = max(self._allowance.left(key, limit.limit), 0)
        if limit.period is not Period.ORDER:
            self._whole[key] = left
        return left

    def _raw(self, rule: CompiledRule, lines: Sequence[int]) -> Raw | None:
        multiplier = rule.rule.give.multiplier
        if multiplier is None:
            return rule.reckon(self._at, lines)
        if not multiplier.of:
            return multiplied(multiplier, self._own, lines)
        return multiplied(multiplier, self._given_by(multiplier.of), lines)

    def _given_by(self, rule_ids: Iterable[str]) -> Sequence[int]:
        parts = [self._parts[rule_id] for rule_id in dict.fromkeys(rule_ids) if rule_id in self._parts]
        return [sum(given) for given in zip(*parts, strict=True)] if parts else [0] * len(self._own)

    def _remaining(self, contenders: list[Contender]) -> Iterable[Contender]:
        """Compose the groups; who remains is in order of priority still."""
        grouped: dict[str, list[Contender]] = {}
        for contender in contenders:
            rule = contender.compiled.rule
            if rule.group is not None and rule.rule_id not in self._aside:
                grouped.setdefault(rule.group, []).append(contender)
        if not grouped:
            return contenders
        remaining = {
            id(contender)
            for name, members in grouped.items()
            for contender in composed(members, self._compiled.groups[name], self._compiled.ruleset)
        }
        return [
            contender
            for contender in contenders
            if contender.compiled.rule.group is None
            or contender.compiled.rule.rule_id in self._aside
            or id(contender) in remaining
        ]

    def _give(self, contender: Contender) -> None:
        uncapped, parts = amounts(contender.raw, self._compiled.ruleset)
        amount, trims = self._trimmed(contender.compiled, uncapped)
        if not (amount or trims or contender.beaten):
            return
        if trims and not amount and any(not t.left and not t.cap_key.startswith(_SHARED) for t in trims):
            self._stand_aside(contender.compiled)
        if trims:
            parts = apportioned(amount, parts)
        dense = self._added(contender.raw.lines, parts)
        self._parts[contender.compiled.rule.rule_id] = dense
        self._awards.append(self._award(contender, amount, uncapped, dense, trims))

    def _stand_aside(self, rule: CompiledRule) -> None:
        if rule.own_limits:
            self._aside.add(rule.rule.rule_id)

    def _added(self, lines: Sequence[int], parts: Sequence[int]) -> Sequence[int]:
        """Add the parts of some lines to the total; returns those of all lines of the basket."""
        total = self._total
        if len(parts) == len(total):
            self._total = list(map(add, total, parts))
            return parts
        dense = [0] * len(total)
        for line, part in zip(lines, parts, strict=True):
            dense[line] = part
            total[line] += part
        return dense

    def _award(
        self, contender: Contender, amount: int, uncapped: int, dense: Sequence[int], trims: tuple[Trim, ...]
    ) -> Award:
        rule, raw = contender.compiled.rule, contender.raw
        base = 1 if raw.fixed is not None and not self._at.has_lines else sum(raw.measures)
        return Award(
            rule_id=rule.rule_id, title=rule.title, ruleset_version=self._compiled.version, campaign_id=rule.campaign,
            kind=raw.kind, amount=amount, lines=tuple(dense) if self._at.has_lines else (), base=base, rate=raw.rate,
            threshold_minor=raw.threshold_minor, uncapped=uncapped, trims=trims, beaten=tuple(contender.beaten),
            aside=(rule.group or "") if rule.rule_id in self._aside else "",
        )  # fmt: skip

    def _trimmed(self, rule: CompiledRule, wanted: int) -> tuple[int, tuple[Trim, ...]]:
        """Take as much as every cap leaves; what is taken is gone for the rules that follow."""
        if not rule.limits:
            return wanted, ()
        amount, trims, keys = wanted, [], []
        lefts = self._left
        if len(rule.limits) == 1:
            # Most rules have one cap at most, and most caps leave enough.
            limit = rule.limits[0]
            key = limit.key_at(self._at)
            room = lefts[key] if key in lefts else self._left_of(limit, key)
            if wanted <= room:
                lefts[key] = room - wanted
                return wanted, ()
        for limit in rule.limits:
            key = limit.key_at(self._at)
            keys.append(key)
            left = lefts.get(key)
            if left is None:
                left = self._left_of(limit, key)
            if amount > left:
                trims.append(
                    Trim(cap_key=key, period=limit.period, limit=limit.limit, left=left, by=amount - left)
                )
                amount = left
        if amount:
            for key in keys:
                lefts[key] -= amount
        return amount, tuple(trims)

    def _priced(self) -> Priced:
        awards = tuple(self._awards)
        return Priced(
            amount=sum(award.amount for award in awards), lines=tuple(self._total) if self._at.has_lines else (),
            awards=awards, caps=tuple(
                CapUse(cap_key=key, amount=whole - self._left[key])
                for key, whole in self._whole.items()
                if whole > self._left[key]
            ),
        )  # fmt: skip
