"""Past events through a ruleset on trial and through what was in force then, in order of time. Pure.

Caps per customer and budgets are kept as they would have been: each side has its own, and both begin with what events
before had used of them. What has come back of an order since does not count against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import nlargest
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from wallet_service.kernel.clock import Instant
from wallet_service.rules.beginning import EVER, Before
from wallet_service.rules.comparison import (
    CampaignDay,
    CampaignSum,
    Comparison,
    CustomerSum,
    Day,
    RuleSum,
    Sides,
)
from wallet_service.rules.compiler import BUDGET_SCOPE, Compiled, local_instant
from wallet_service.rules.model import Basket, CapUse, Customer, Priced
from wallet_service.rules.policy import price_at

RULES_SHOWN: Final = 100
CAMPAIGNS_SHOWN: Final = 100

_NONE_BACK: Final[Mapping[str, int]] = MappingProxyType({})
_UNUSED: Final[Mapping[str, tuple[str, int]]] = MappingProxyType({})

RulesetAt: TypeAlias = Callable[[Instant], Compiled | None]


CameBack: TypeAlias = Callable[[Priced], Mapping[str, int]]
"""What of each cap an event has given back since, by how it is priced."""


class Past(Struct, frozen=True, kw_only=True):
    """An event that was priced when it happened."""

    customer_ref: str
    moment: Instant
    basket: Basket
    customer: Customer
    recorded: int
    came_back: CameBack | None = None


class Replay:
    """Takes events in order of time, and compares."""

    def __init__(
        self,
        trial: Compiled,
        in_force: RulesetAt,
        before: Before | None = None,
        begins: Instant = EVER,
    ) -> None:
        self._trial = trial
        self._in_force = in_force
        self.before = before or Before()
        self._begins = begins
        self._sides = (_Side(self.before), _Side(self.before))
        self._days: dict[str, int] = {}
        self.events = 0
        self.lines = 0
        self._recorded = 0

    def take(self, past: Past) -> None:
        """Price one event on both sides; the moment is not before that of the one taken last."""
        self.events += 1
        self.lines += len(past.basket.lines)
        self._recorded += past.recorded
        at = self._trial.occasion(past.basket, past.customer, past.moment)
        day = at.day
        self._days[day] = self._days.get(day, 0) + 1
        trial, in_force = self._sides
        allowance = trial.turned_to(past.customer_ref)
        trial.take(past, day, price_at(at, past.moment, self._trial, allowance), self._trial)
        compiled = self._in_force(past.moment)
        if compiled is None:
            return
        # What both ask of the basket is worked out once, unless their days are different ones.
        if not compiled.sees_like(self._trial):
            at = compiled.occasion(past.basket, past.customer, past.moment)
        allowance = in_force.turned_to(past.customer_ref)
        in_force.take(past, day, price_at(at, past.moment, compiled, allowance), compiled)

    def compared(self, top: int) -> Comparison:
        """Return what was found so far, with so many of the customers who gain and lose most."""
        trial, in_force = self._sides
        refs = trial.customers.keys() | in_force.customers.keys()
        changed = {ref: trial.customers.get(ref, 0) - in_force.customers.get(ref, 0) for ref in refs}
        gains = [by for by in changed.values() if by > 0]
        losses = [-by for by in changed.values() if by < 0]
        return Comparison(
            events=self.events, lines=self.lines, customers=len(refs),
            earning_events=Sides(trial=trial.earning_events, in_force=in_force.earning_events),
            given=Sides(trial=trial.given, in_force=in_force.given), recorded=self._recorded,
            gaining=len(gains), losing=len(losses), gained=sum(gains), lost=sum(losses),
            days=tuple(self._day(day) for day in sorted(self._days)), campaigns=self._campaign_sums(),
            rules=self._rule_sums(),
            winners=self._customer_sums(nlargest(top, ((by, ref) for ref, by in changed.items() if by > 0))),
            losers=self._customer_sums(nlargest(top, ((-by, ref) for ref, by in changed.items() if by < 0))),
        )  # fmt: skip

    def _day(self, day: str) -> Day:
        trial, in_force = (side.days.get(day, {}) for side in self._sides)
        used = [side.days_used.get(day, {}) for side in self._sides]
        campaigns = tuple(
            CampaignDay(
                campaign_id=name,
                given=Sides(trial=trial.get(name, 0), in_force=in_force.get(name, 0)),
                used=Sides(trial=used[0].get(name, 0), in_force=used[1].get(name, 0)),
            )
            for name in sorted((trial.keys() | in_force.keys()) - {""})
        )
        given = Sides(trial=sum(trial.values()), in_force=sum(in_force.values()))
        return Day(day=day, events=self._days[day], given=given, campaigns=campaigns)

    def _campaign_sums(self) -> tuple[CampaignSum, ...]:
        trial, in_force = self._sides
        before = self.before.budgets
        known = {name for name in before if self._goes_on(name)}
        spent = {name: self._begins for name in known if before[name] >= self._trial.campaigns[name].budget}
        names = trial.budgets.keys() | in_force.budgets.keys() | known
        sums = [
            CampaignSum(
                campaign_id=name, title=campaign.title, budget=campaign.budget,
                given=Sides(trial=trial.budgets.get(name, 0), in_force=in_force.budgets.get(name, 0)),
                used_before=before.get(name, 0), trial_spent_at=(trial.spent_at | spent).get(name),
                in_force_spent_at=(in_force.spent_at | spent).get(name),
            )
            for name in names
            if (campaign := self._trial.campaigns.get(name)) is not None
        ]  # fmt: skip
        sums.sort(key=lambda each: (-each.given.trial, -each.given.in_force, each.campaign_id))
        return tuple(sums[:CAMPAIGNS_SHOWN])

    def _goes_on(self, name: str) -> bool:
        campaign = self._trial.campaigns.get(name)
        return campaign is not None and local_instant(campaign.ends_at, self._trial.zone) > self._begins

    def _rule_sums(self) -> tuple[RuleSum, ...]:
        trial, in_force = (side.rules for side in self._sides)
        nothing = _Rule("")
        sums = []
        for rule_id in trial.keys() | in_force.keys():
            one, other = trial.get(rule_id, nothing), in_force.get(rule_id, nothing)
            sums.append(
                RuleSum(
                    rule_id=rule_id, title=one.title or other.title,
                    given=Sides(trial=one.given, in_force=other.given),
                    awards=Sides(trial=one.awards, in_force=other.awards),
                    trimmed=Sides(trial=one.trimmed, in_force=other.trimmed),
                )
            )  # fmt: skip
        sums.sort(key=lambda each: (-max(each.given.trial, each.given.in_force), each.rule_id))
        return tuple(sums[:RULES_SHOWN])

    def _customer_sums(self, ranked: Iterable[tuple[int, str]]) -> tuple[CustomerSum, ...]:
        trial, in_force = (side.customers for side in self._sides)
        return tuple(
            CustomerSum(customer_ref=ref, given=Sides(trial=trial.get(ref, 0), in_force=in_force.get(ref, 0)))
            for _, ref in ranked
        )


class _Rule:
    """One rule on one side, so far."""

    __slots__ = ("awards", "given", "title", "trimmed")

    def __init__(self, title: str) -> None:
        self.title = title
        self.given = self.awards = self.trimmed = 0


class _Side:
    """One ruleset over all events so far; knows what each cap has left."""

    def __init__(self, before: Before) -> None:
        self.given = 0
        self.earning_events = 0
        self.customers: dict[str, int] = {}
        self.rules: dict[str, _Rule] = {}
        self.days: dict[str, dict[str, int]] = {}
        """By day and campaign; what no campaign gave is under no name."""
        self.days_used: dict[str, dict[str, int]] = {}
        """The same of budgets, less what has come back."""
        self.budgets: dict[str, int] = {}
        """What each campaign gave."""
        self._budgets_used = dict(before.budgets)
        self.spent_at: dict[str, Instant] = {}
        self._before = before.customers
        self._used: dict[str, dict[str, tuple[str, int]]] = {}
        """By customer and cap, the latest day or month and what was used in it: time only goes on."""
        self._customer_ref = ""
        self._mine: Mapping[str, tuple[str, int]] = _UNUSED

    def turned_to(self, customer_ref: str) -> _Side:
        """Return what caps have left for this customer, until the next is turned to."""
        self._customer_ref = customer_ref
        mine = self._used.get(customer_ref)
        self._mine = self._before.get(customer_ref, _UNUSED) if mine is None else mine
        return self

    def left(self, cap_key: str, limit: int) -> int:
        """Return what is left of a cap of this limit."""
        if cap_key.startswith(BUDGET_SCOPE):
            return limit - self._budgets_used.get(cap_key[len(BUDGET_SCOPE) :], 0)
        cap, _, period = cap_key.rpartition("/")
        known = self._mine.get(cap)
        return limit - known[1] if known is not None and known[0] == period else limit

    def take(self, past: Past, day: str, priced: Priced, compiled: Compiled) -> None:
        """Count what an event was given."""
        amount = priced.amount
        self.customers[past.customer_ref] = self.customers.get(past.customer_ref, 0) + amount
        if amount:
            self.given += amount
            self.earning_events += 1
        back = _NONE_BACK if past.came_back is None else past.came_back(priced)
        for use in priced.caps:
            self._use(use, back.get(use.cap_key, 0), past.moment, day, compiled)
        by_campaign = self.days.get(day)
        if by_campaign is None:
            by_campaign = self.days[day] = {}
        for award in priced.awards:
            name = award.campaign_id or ""
            by_campaign[name] = by_campaign.get(name, 0) + award.amount
            rule = self.rules.get(award.rule_id)
            if rule is None:
                rule = self.rules[award.rule_id] = _Rule(award.title)
            rule.given += award.amount
            rule.awards += award.amount > 0
            if award.trims:
                rule.trimmed += award.uncapped - award.amount

    def _use(self, use: CapUse, back: int, moment: Instant, day: str, compiled: Compiled) -> None:
        if use.cap_key.startswith(BUDGET_SCOPE):
            name = use.cap_key[len(BUDGET_SCOPE) :]
            kept = use.amount - back
            self.budgets[name] = self.budgets.get(name, 0) + use.amount
            used = self._budgets_used[name] = self._budgets_used.get(name, 0) + kept
            of_day = self.days_used.setdefault(day, {})
            of_day[name] = of_day.get(name, 0) + kept
            if used >= compiled.campaigns[name].budget:
                self.spent_at.setdefault(name, moment)
            return
        cap, _, period = use.cap_key.rpartition("/")
        known = self._mine.get(cap)
        used = known[1] if known is not None and known[0] == period else 0
        mine = self._used.get(self._customer_ref)
        if mine is None:
            mine = self._used[self._customer_ref] = dict(self._mine)
        mine[cap] = (period, used + use.amount - back)
