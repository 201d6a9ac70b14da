"""Why an award is what it is, in words that a shop assistant can read out. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from wallet_service.rules.model import Award, AwardKind, Beaten, Period, Trim
from wallet_service.rules.ruleset import PERCENT
from wallet_service.rules.units import Units

NO_RULE: Final = "No rule gives anything for this."
_PERIODS: Final = {
    Period.ORDER: "one order",
    Period.DAY: "one day",
    Period.MONTH: "one month",
    Period.LIFETIME: "one customer",
    Period.BUDGET: "the whole campaign",
}


def explain(award: Award, units: Units) -> str:
    """Return the reasons of one award: amounts in the program's asset, what was bought in money."""
    said = [f"{award.title}: {_reckoned(award, units)}."]
    said += [_trimmed(trim, units) for trim in award.trims]
    if award.trims:
        place = f", and takes no other rule's place ({award.aside})" if award.aside else ""
        said.append(f"So it gives {units.given(award.amount)}{place}.")
    said += [_instead(beaten, units) for beaten in award.beaten]
    said.append(f"(Rule {award.rule_id}, version {award.ruleset_version}.)")
    return " ".join(said)


def percent(basis_points: int) -> str:
    """Return basis points as a percentage: 250 is 2.5 %."""
    whole, rest = divmod(basis_points, PERCENT)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def _reckoned(award: Award, units: Units) -> str:
    gives = f"gives {units.given(award.uncapped)}"
    match award.kind:
        case AwardKind.BASIS_POINTS:
            return f"{percent(award.rate)} of {units.money(award.base)} {gives}"
        case AwardKind.FIXED:
            return f"{units.given(award.uncapped)} once"
        case AwardKind.FIXED_PER_LINE:
            return f"{units.amount(award.rate)} for each of {_counted(award.base, 'line')} {gives}"
        case AwardKind.PER_UNIT:
            return f"{units.amount(award.rate)} for each of {_counted(award.base, 'piece')} {gives}"
        case AwardKind.LADDER:
            step = units.money(award.threshold_minor)
            return f"{units.money(award.base)} reaches the step from {step}, which {gives}"
        case AwardKind.MULTIPLIER:
            return f"{award.rate - PERCENT} % on top of {units.amount(award.base)} {gives}"
        case _:
            assert_never(award.kind)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _instead(beaten: Beaten, units: Units) -> str:
    return (
        f"Instead of {units.given(beaten.amount)} by rule {beaten.rule_id}, which gave way ({beaten.group})."
    )


def _trimmed(trim: Trim, units: Units) -> str:
    whose = "all rules together" if trim.cap_key.startswith("all/") else "this rule"
    if trim.period is Period.BUDGET:
        whose = "this campaign"
    return (
        f"At most {units.amount(trim.limit)} for {_PERIODS[trim.period]} by {whose},"
        f" of which {units.given(trim.left)} was left: {units.amount(trim.by)} less."
    )
