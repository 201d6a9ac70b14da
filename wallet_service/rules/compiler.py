"""Rulesets as closures over integers, indexed so that a rule that cannot match costs nothing. Pure.

Rules are in order of priority. A rule stands in one index, by the narrowest thing it asks for; what is outside its
dates, or about other kinds of events, is left out of the index of the moment altogether.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from wallet_service.kernel.clock import NEVER, Instant, from_datetime
from wallet_service.rules.conditions import belongs_of, holds_of, picker_of
from wallet_service.rules.model import Basket, Customer, Period
from wallet_service.rules.occasion import Belongs, Holds, Occasion, Picker
from wallet_service.rules.reckoning import Reckon, reckon_of
from wallet_service.rules.ruleset import Campaign, Caps, Group, Mode, Rule, Ruleset, SegmentRule

INDEXES_MAX: Final = 64
"""Slices of time and kinds of events whose index is kept; rules cut time into at most twice as many as there are rules."""

NO_SEGMENTS: Final[Mapping[str, SegmentRule]] = MappingProxyType({})

BUDGET_SCOPE: Final = "campaign/"
"""Keys of budgets begin so: they are shared by all customers, other caps are each customer's own."""

ALL_SCOPE: Final = "all"
"""Keys of caps over all rules begin so: when one has nothing left, no rule can take another's place."""

_ALWAYS: Final = ("", ("",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A cap as configured: of one rule, of all rules together, or of a campaign."""

    scope: str
    period: Period
    limit: int
    campaign_id: str | None = None

    def key_at(self, at: Occasion) -> str:
        """Return the cap's key: what is limited, and on which local day or in which month."""
        # Asked for every award: identity is the cheapest question.
        period = self.period
        if period is Period.DAY:
            return f"{self.scope}/day/{at.day}"
        if period is Period.MONTH:
            return f"{self.scope}/month/{at.month}"
        if period is Period.BUDGET:
            return self.scope
        if period is Period.ORDER or period is Period.LIFETIME:
            return f"{self.scope}/{period}"
        assert_never(period)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRule:
    """A rule as closures."""

    rule: Rule
    holds: tuple[Holds, ...]
    pick: Picker
    reckon: Reckon
    depth: int
    """0: gives of its own; above: multiplies what rules of smaller depth give."""
    starts_at: Instant
    ends_at: Instant
    limits: tuple[Limit, ...]
    """In the order in which they trim."""
    own_limits: tuple[Limit, ...]
    """Of a rule that competes in a group, those that are not the same for its rivals."""

    def lines(self, at: Occasion) -> Sequence[int]:
        """Return the lines that the rule is about; none if it does not match."""
        for holds in self.holds:
            if not holds(at):
                return ()
        return self.pick(at)


Match: TypeAlias = tuple[CompiledRule, Sequence[int]]
"""A rule that matches, and the lines that it is about."""


class Compiled:
    """A version of a ruleset with its campaigns, ready to price."""

    __slots__ = (
        "_boundaries", "_by_attributes", "_indexes", "_rules", "campaigns", "groups", "ruleset", "version", "zone",
    )  # fmt: skip

    def __init__(
        self,
        ruleset: Ruleset,
        version: int,
        campaigns: Mapping[str, Campaign],
        rules: tuple[CompiledRule, ...],
        by_attributes: tuple[tuple[str, Belongs], ...],
    ) -> None:
        self.ruleset = ruleset
        self.version = version
        self.campaigns = campaigns
        self.zone = ZoneInfo(ruleset.time_zone)
        self.groups: Mapping[str, Group] = {group.name: group for group in ruleset.groups}
        self._rules = rules
        self._by_attributes = by_attributes
        self._boundaries = sorted({rule.starts_at for rule in rules} | {rule.ends_at for rule in rules})
        self._indexes: dict[tuple[int, str], _Index] = {}

    def occasion(self, basket: Basket, customer: Customer, moment: Instant) -> Occasion:
        """Return an event as this ruleset sees it: in its time zone, with the segments that it asks for."""
        return Occasion(basket, customer, moment, self.zone, self._by_attributes)

    def sees_like(self, other: Compiled) -> bool:
        """Whether an occasion of the other, of the same program, is one of this."""
        names = [name for name, _ in self._by_attributes]
        return self.zone is other.zone and names == [name for name, _ in other._by_attributes]

    def matching(self, at: Occasion, moment: Instant) -> list[Match]:
        """Return the rules that match, in order of priority, each with the lines it is about."""
        index = self._index_at(moment, at.basket.kind)
        found: list[Match] = []
        for position in sorted(_positions(index, at)):
            rule = self._rules[position]
            lines = rule.lines(at)
            if lines:
                found.append((rule, lines))
        return found

    def _index_at(self, moment: Instant, kind: str) -> _Index:
        part = bisect_right(self._boundaries, moment), kind
        index = self._indexes.get(part)
        if index is None:
            if len(self._indexes) >= INDEXES_MAX:
                self._indexes.clear()
            index = self._indexes[part] = _index(self._rules, moment, kind)
        return index


_Index = Mapping[str, Mapping[str, Sequence[int]]]
"""By what rules are narrowed by (an article, a category, ...) and by its value, the rules' positions."""


def compiled(
    ruleset: Ruleset,
    version: int,
    campaigns: Mapping[str, Campaign],
    segments: Mapping[str, SegmentRule] = NO_SEGMENTS,
) -> Compiled:
    """Compile a ruleset that was validated. A rule of a campaign that is not known gives nothing.

    `segments` are those that go by attributes; only what the rules ask for is looked at.
    """
    zone = ZoneInfo(ruleset.time_zone)
    depths = depths_of(ruleset.rules)
    competing = {group.name for group in ruleset.groups if group.mode is not Mode.STACK}
    ordered = sorted(ruleset.rules, key=lambda rule: -rule.priority)
    rules = tuple(
        _compiled_rule(
            rule,
            ruleset,
            zone,
            depths[rule.rule_id],
            campaigns.get(rule.campaign or ""),
            competes=rule.group in competing,
        )
        for rule in ordered
        if rule.campaign is None or rule.campaign in campaigns
    )
    asked = {name for rule in ruleset.rules for name in (*rule.when.segments, *rule.when.not_segments)}
    by_attributes = tuple((name, belongs_of(segments[name])) for name in sorted(asked) if name in segments)
    return Compiled(ruleset, version, campaigns, rules, by_attributes)


def _compiled_rule(
    rule: Rule, ruleset: Ruleset, zone: ZoneInfo, depth: int, campaign: Campaign | None, *, competes: bool
) -> CompiledRule:
    starts = [text for text in (rule.when.starts_at, campaign.starts_at if campaign else None) if text]
    own = (*limits_of(f"rule/{rule.rule_id}", rule.caps), *((_budget(campaign),) if campaign else ()))
    ends = [text for text in (rule.when.ends_at, campaign.ends_at if campaign else None) if text]
    return CompiledRule(
        rule=rule, holds=holds_of(rule.when), pick=picker_of(rule.when), reckon=reckon_of(rule), depth=depth,
        starts_at=max((local_instant(text, zone) for text in starts), default=Instant(-NEVER)),
        ends_at=min((local_instant(text, zone) for text in ends), default=NEVER),
        limits=(*own, *limits_of(ALL_SCOPE, ruleset.caps)),
        own_limits=own if competes else (),
    )  # fmt: skip


def local_instant(text: str, zone: ZoneInfo) -> Instant:
    """Return a local time as a moment. Of an hour that comes twice, the first; in one that is left out, as if it ran on."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone))


def limits_of(scope: str, caps: Caps) -> tuple[Limit, ...]:
    """Return the caps that are set, the shortest period first."""
    said = (
        (Period.ORDER, caps.per_order), (Period.DAY, caps.per_customer_day), (Period.MONTH, caps.per_customer_month),
        (Period.LIFETIME, caps.per_customer_lifetime),
    )  # fmt: skip
    return tuple(
        Limit(scope=scope, period=period, limit=limit) for period, limit in said if limit is not None
    )


def _budget(campaign: Campaign) -> Limit:
    return Limit(
        scope=f"{BUDGET_SCOPE}{campaign.campaign_id}", period=Period.BUDGET, limit=campaign.budget,
        campaign_id=campaign.campaign_id,
    )  # fmt: skip


def depths_of(rules: Iterable[Rule]) -> dict[str, int]:
    """Return how many multipliers deep each rule stands; raises ValueError, naming the rules, if they run in a circle."""
    targets = {rule.rule_id: rule.give.multiplier.of for rule in rules if rule.give.multiplier is not None}
    depths = {rule.rule_id: 0 for rule in rules if rule.rule_id not in targets}
    waiting = set(targets)
    while waiting:
        ready = [rule_id for rule_id in waiting if not waiting.intersection(targets[rule_id])]
        if not ready:
            raise ValueError(", ".join(sorted(waiting)))
        for rule_id in ready:
            depths[rule_id] = 1 + max((depths.get(target, 0) for target in targets[rule_id]), default=0)
        waiting.difference_update(ready)
    return depths


def _index(rules: Sequence[CompiledRule], moment: Instant, kind: str) -> _Index:
    index: dict[str, dict[str, list[int]]] = {}
    for position, rule in enumerate(rules):
        if rule.starts_at <= moment < rule.ends_at and kind in rule.rule.when.kinds:
            name, keys = _narrowest(rule.rule)
            table = index.setdefault(name, {})
            for key in keys:
                table.setdefault(key, []).append(position)
    return index


def _narrowest(rule: Rule) -> tuple[str, Iterable[str]]:
    when = rule.when
    for name, keys in (
        ("sku", when.skus), ("category", when.categories), ("brand", when.brands), ("coupon", when.coupons),
        ("segment", when.segments), ("store", when.stores), ("payment", when.payments), ("tier", when.tiers),
    ):  # fmt: skip
        if keys:
            return name, keys
    return _ALWAYS


def _positions(index: _Index, at: Occasion) -> set[int]:
    """Return the rules that are narrowed by something that the occasion has, or by nothing."""
    found: set[int] = set()
    # What no rule is narrowed by is not even looked up in the basket.
    for name, table in index.items():
        for key in _KEYS[name](at):
            positions = table.get(key)
            if positions is not None:
                found.update(positions)
    return found


_KEYS: Final[Mapping[str, Callable[[Occasion], Iterable[str]]]] = {
    "": lambda _at: ("",), "sku": Occasion.by_sku, "category": Occasion.by_category, "brand": Occasion.by_brand,
    "coupon": lambda at: at.basket.coupons, "segment": lambda at: at.segments,
    "store": lambda at: (at.basket.store,), "payment": lambda at: (at.basket.payment_hash,),
    "tier": lambda at: (at.customer.tier,),
}  # fmt: skip
