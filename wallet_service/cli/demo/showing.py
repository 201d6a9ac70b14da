"""A verdict for a person, and as JSON."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wallet_service.cli.demo.closing import Closing
from wallet_service.cli.demo.comebacks import Portion
from wallet_service.cli.demo.plan import Redemption
from wallet_service.cli.demo.verdict import Verdict
from wallet_service.cli.reconciling import as_plain, render
from wallet_service.cli.show import money, table

_MONTHS = ("month", "issued", "redeemed", "expired", "clawed back", "adjusted", "pending", "available", "reserved",
           "frozen", "closes")  # fmt: skip


def show(verdict: Verdict, seconds: float, console: Console) -> None:
    """Show what happened, how each month closed, how long calls took, and every invariant."""
    facts = table("what happened", "", right=("",))
    for name, value in _facts(verdict).items():
        facts.add_row(name, value)
    console.print(facts)
    console.print(_months(verdict.closings))
    rows = table("call", "calls", "p50", "p99", right=("calls", "p50", "p99"))
    for timing in verdict.timings:
        rows.add_row(timing.kind, f"{timing.calls:,}", f"{timing.p50_ms:.1f} ms", f"{timing.p99_ms:.1f} ms")
    console.print(rows)
    render(verdict.report, console)
    for sentence in verdict.differences:
        console.print(f"[bold red]✗[/] {escape(sentence)}")
    if not verdict.differences:
        console.print(
            "[green]every month closes; our own books agree with every reply, every wallet and the ledger's sums[/]"
        )
    console.print(f"{'done' if verdict.sound else 'NOT SOUND'} in {seconds:.1f} s")


def _months(closings: tuple[Closing, ...]) -> Table:
    """Return the closings: what came and went in each month, what stood at its end, and whether that adds up."""
    rows = table(*_MONTHS, right=_MONTHS[1:])
    for closing in closings:
        flows, standing = closing.flows, closing.standing
        amounts = (
            flows.issued, -flows.redeemed, -flows.expired, -flows.clawed_back, flows.adjusted, standing.pending,
            standing.available, standing.reserved, standing.frozen,
        )  # fmt: skip
        closes = "[green]✓[/]" if not closing.difference else f"[bold red]{_cents(closing.difference)}[/]"
        rows.add_row(closing.month, *(_cents(amount) for amount in amounts), closes)
    return rows


def _cents(amount_minor: int) -> str:
    return f"{amount_minor / 100:,.2f}"


def _facts(verdict: Verdict) -> dict[str, str]:
    tally, reading, last = verdict.tally, verdict.reading, verdict.closings[-1]

    def worth(amount_minor: int) -> str:
        return money(amount_minor, 2, "EUR")

    return {
        "baskets": f"{tally.baskets:,}, {verdict.first} to {verdict.last}",
        "households": f"{len(reading.households):,}",
        "left out, worth nothing": f"{reading.zero_baskets:,} baskets, {reading.zero_lines:,} of {reading.lines:,} lines",
        "events": f"{tally.events:,}, and {tally.replays:,} told again",
        "  told a day late": f"{tally.late:,}",
        "  friends referred": f"{tally.referrals:,}",
        "  in review": f"{tally.in_review:,}",
        "campaigns": f"{len(reading.campaigns):,}",
        "issued by rules": worth(last.by_now.issued),
        "baskets that earned nothing": f"{tally.earned_nothing:,}",
        "turns to redeem": f"{tally.redemptions.total() + tally.nothing_to_redeem:,}",
        "redeemed": f"{worth(last.by_now.redeemed)} in {tally.commits:,} commits, but for what returns gave back",
        **{f"  {way.words}": f"{tally.redemptions[way]:,}" for way in Redemption},
        "  nothing that the policy allows": f"{tally.nothing_to_redeem:,}",
        "races: devices refused": f"{tally.refused:,}",
        "races: balance afforded both": f"{tally.both_afforded:,}",
        "released": f"{tally.released:,}",
        "reservations expired": f"{verdict.holds_expired:,}",
        "baskets returned": f"{tally.returns.total():,}",
        **{f"  {portion.words}": f"{tally.returns[portion]:,}" for portion in Portion},
        "returns refused": f"{tally.returns_refused:,}, with {tally.adjustments:,} adjustments out of goodwill",
        "clawed back": f"{worth(last.by_now.clawed_back)}; {worth(tally.owed_minor)} are owed still",
        "cashback expired": worth(last.by_now.expired),
        "left in the wallets": worth(last.standing.total),
        **verdict.beside,
    }


def verdict_json(verdict: Verdict, seconds: float) -> dict[str, object]:
    """Return a verdict as JSON holds it."""
    tally, reading = verdict.tally, verdict.reading
    return {
        "sound": verdict.sound,
        "seconds": round(seconds, 2),
        "program_id": verdict.program_id,
        "seed": verdict.seed,
        "first_day": str(verdict.first),
        "last_day": str(verdict.last),
        "households": len(reading.households),
        "lines": reading.lines,
        "zero_lines": reading.zero_lines,
        "zero_baskets": reading.zero_baskets,
        **asdict(tally),
        "redemptions": {way.name.lower(): tally.redemptions[way] for way in Redemption},
        "returns": {portion.name.lower(): tally.returns[portion] for portion in Portion},
        "holds_expired": verdict.holds_expired,
        "months": [{**asdict(closing), "difference": closing.difference} for closing in verdict.closings],
        "differences": list(verdict.differences),
        "beside": verdict.beside,
        "calls": [asdict(timing) for timing in verdict.timings],
        "reconciliation": as_plain(verdict.report),
    }
