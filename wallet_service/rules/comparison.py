"""What a backtest found: two rulesets over the same events, side by side. Frozen values; units of the asset."""

from __future__ import annotations

from msgspec import Struct

from wallet_service.kernel.clock import Instant


class Sides(Struct, frozen=True, kw_only=True):
    """The same figure under the ruleset on trial and under what was in force."""

    trial: int = 0
    in_force: int = 0

    @property
    def difference(self) -> int:
        """How much more the trial gives; negative: less."""
        return self.trial - self.in_force


class CampaignDay(Struct, frozen=True, kw_only=True):
    """What a campaign gave on one day."""

    campaign_id: str
    given: Sides
    used: Sides = Sides()
    """Of its budget: what was given, less what has come back of it since."""


class Day(Struct, frozen=True, kw_only=True):
    """One local day of the trial's time zone."""

    day: str
    events: int
    given: Sides
    campaigns: tuple[CampaignDay, ...] = ()


class CampaignSum(Struct, frozen=True, kw_only=True):
    """A campaign over the whole time. Of a budget that ran out: when; None: something was left."""

    campaign_id: str
    title: str
    budget: int
    given: Sides
    used_before: int = 0
    """Of the budget, by events before the time."""
    trial_spent_at: Instant | None = None
    in_force_spent_at: Instant | None = None


class RuleSum(Struct, frozen=True, kw_only=True):
    """A rule over the whole time: what it gave, how often, and what caps took from it."""

    rule_id: str
    title: str
    given: Sides
    awards: Sides
    trimmed: Sides


class CustomerSum(Struct, frozen=True, kw_only=True):
    """What one customer was given."""

    customer_ref: str
    given: Sides


class Comparison(Struct, frozen=True, kw_only=True):
    """The whole result."""

    events: int
    lines: int
    customers: int
    earning_events: Sides
    """Events that were given anything."""
    given: Sides
    recorded: int
    """What was given when it happened; differs from `in_force` by what caps had used before, and by judgements."""
    gaining: int
    """Customers who get more by the trial."""
    losing: int
    gained: int
    """By how much those who gain gain, together; the same of those who lose."""
    lost: int
    days: tuple[Day, ...] = ()
    campaigns: tuple[CampaignSum, ...] = ()
    rules: tuple[RuleSum, ...] = ()
    """Those that give most, by either ruleset, first."""
    winners: tuple[CustomerSum, ...] = ()
    losers: tuple[CustomerSum, ...] = ()
    notes: tuple[str, ...] = ()
    """What the figures take as given, in words."""
