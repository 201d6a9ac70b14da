"""Why an award is what it is, in words that a shop assistant can read out. Pure."""

from __future__ import annotations

from typing import assert_never

from wallet_service.rules.model import Award, AwardKind, Period, Priced, Trim
from wallet_service.rules.ruleset import PERCENT

CENTS: int = 100
_PERIODS = {
    Period.ORDER: "one order",
    Period.DAY: "one day",
    Period.MONTH: "one month",
    Period.LIFETIME: "one customer",
    Period.BUDGET: "the whole campaign",
}


def explain(award: Award) -> str:
    """Return the reasons of one award. Money has two decimals; amounts of the asset are whole units, as it counts them."""
    said = [f"{award.title}: {_reckoned(award)} gives {award.uncapped}."]
    said += [_trimmed(trim) for trim in award.trims]
    if award.trims:
        place = f", and takes no other rule's place ({award.aside})" if award.aside else ""
        said.append(f"So it gives {award.amount}{place}.")
    said += [
        f"Instead of {beaten.amount} by rule {beaten.rule_id}, which gave way ({beaten.group})."
        for beaten in award.beaten
    ]
    said.append(f"(Rule {award.rule_id}, version {award.ruleset_version}.)")
    return " ".join(said)


def explained(priced: Priced) -> str:
    """Return the reasons of all that was given, one line an award."""
    return "\n".join(explain(award) for award in priced.awards) or "No rule gives anything for this."


def money(minor: int) -> str:
    """Return money as people write it: 1234 is 12.34."""
    return f"{minor // CENTS}.{minor % CENTS:02d}"


def percent(basis_points: int) -> str:
    """Return basis points as a percentage: 250 is 2.5 %."""
    whole, rest = divmod(basis_points, PERCENT)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def _reckoned(award: Award) -> str:
    match award.kind:
        case AwardKind.BASIS_POINTS:
            return f"{percent(award.rate)} of {money(award.base)}"
        case AwardKind.FIXED:
            return f"{award.rate} once"
        case AwardKind.FIXED_PER_LINE:
            return f"{award.rate} for each of {award.base} lines"
        case AwardKind.PER_UNIT:
            return f"{award.rate} for each of {award.base} pieces"
        case AwardKind.LADDER:
            return f"{money(award.base)} reaches the step from {money(award.threshold_minor)}, which"
        case AwardKind.MULTIPLIER:
            return f"{award.rate - PERCENT} % on top of {award.base}"
        case _:
            assert_never(award.kind)


def _trimmed(trim: Trim) -> str:
    whose = "all rules together" if trim.cap_key.startswith("all/") else "this rule"
    if trim.period is Period.BUDGET:
        whose = "this campaign"
    return (
        f"At most {trim.limit} for {_PERIODS[trim.period]} by {whose}, of which {trim.left} was left:"
        f" {trim.by} less."
    )
