"""A backtest as a picture: what was given day by day, how budgets burn down, which rules give most. SVG, by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wallet.v1.backtest_pb2 import BacktestCampaign, BacktestResult

WIDTH: Final = 920
CAMPAIGNS_DRAWN: Final = 6
RULES_DRAWN: Final = 12
_LEFT: Final = 70
_RIGHT: Final = 20
_PLOT: Final = WIDTH - _LEFT - _RIGHT
_TALL: Final = 220
_SHORT: Final = 110
_BAR: Final = 22
_NAME: Final = 34
_TRIAL: Final = "#1565c0"
_IN_FORCE: Final = "#9e9e9e"


def drawn(result: BacktestResult, title: str) -> str:
    """Return the picture; the same result gives the same bytes. Every text in it is escaped."""
    page = _Page()
    page.heading(title)
    days = [day.day for day in result.days]
    page.lines(
        "given, summed up", days, _TALL,
        list(accumulate(day.given.trial for day in result.days)),
        list(accumulate(day.given.in_force for day in result.days)),
    )  # fmt: skip
    for campaign in result.campaigns[:CAMPAIGNS_DRAWN]:
        page.lines(f"budget left: {campaign.campaign_id}", days, _SHORT, *_left(result, campaign))
    page.bars("rules that give most", result)
    return page.text()


def _left(result: BacktestResult, campaign: BacktestCampaign) -> tuple[list[int], list[int]]:
    trial, in_force = [], []
    left = [campaign.budget - campaign.used_before] * 2
    for day in result.days:
        for each in day.campaigns:
            if each.campaign_id == campaign.campaign_id:
                left = [left[0] - each.used.trial, left[1] - each.used.in_force]
        trial.append(left[0])
        in_force.append(left[1])
    return trial, in_force


class _Page:
    """The picture so far, from top to bottom."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._y = 0

    def heading(self, title: str) -> None:
        """Write what it is, and which colour is which."""
        self._text(_LEFT, 28, title, size=18)
        for x, colour, name in ((_LEFT, _TRIAL, "trial"), (_LEFT + 80, _IN_FORCE, "in force")):
            self._parts.append(f'<rect x="{x}" y="40" width="12" height="12" fill="{colour}"/>')
            self._text(x + 18, 51, name)
        self._y = 66

    def lines(
        self, name: str, days: Sequence[str], height: int, trial: Sequence[int], in_force: Sequence[int]
    ) -> None:
        """Draw two lines over the days, from nothing (or below) to the largest."""
        top, bottom = self._y + _NAME, self._y + _NAME + height
        low, high = min(0, *trial, *in_force, 0), max(1, *trial, *in_force, 1)
        self._text(_LEFT, top - 10, name)
        self._text(_LEFT - 8, top + 10, f"{high:,}", anchor="end")
        self._text(_LEFT - 8, bottom, f"{low:,}", anchor="end")
        self._parts.append(
            f'<path d="M{_LEFT} {top}V{bottom}H{_LEFT + _PLOT}" fill="none" stroke="#444" stroke-width="1"/>'
        )
        for values, colour in ((in_force, _IN_FORCE), (trial, _TRIAL)):
            points = self._points(values, low, high, top, height)
            if points:
                self._parts.append(
                    f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
                )
        if days:
            self._text(_LEFT, bottom + 16, days[0])
            self._text(_LEFT + _PLOT, bottom + 16, days[-1], anchor="end")
        self._y = bottom + 22

    @staticmethod
    def _points(values: Sequence[int], low: int, high: int, top: int, height: int) -> str:
        last = max(len(values) - 1, 1)
        return " ".join(
            f"{_LEFT + _PLOT * index // last},{top + height * (high - value) // (high - low)}"
            for index, value in enumerate(values)
        )

    def bars(self, name: str, result: BacktestResult) -> None:
        """Draw what rules give, a pair of bars each."""
        rules = result.rules[:RULES_DRAWN]
        self._text(_LEFT, self._y + _NAME - 10, name)
        self._y += _NAME
        longest = max([1, *(max(rule.given.trial, rule.given.in_force) for rule in rules)])
        for rule in rules:
            half = _BAR // 2 - 1
            for row, amount, colour in (
                (0, rule.given.trial, _TRIAL),
                (half, rule.given.in_force, _IN_FORCE),
            ):
                wide = _PLOT // 2 * max(amount, 0) // longest
                self._parts.append(
                    f'<rect x="{_LEFT}" y="{self._y + row}" width="{wide}" height="{half}" fill="{colour}"/>'
                )
            said = f"{rule.rule_id}: {rule.given.trial:,} / {rule.given.in_force:,}"
            self._text(_LEFT + _PLOT // 2 + 10, self._y + _BAR - 7, said)
            self._y += _BAR + 4

    def text(self) -> str:
        """Return the whole document."""
        height = self._y + 16
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
            f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">'
        )
        paper = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        return "\n".join([opening, paper, *self._parts, "</svg>\n"])

    def _text(self, x: int, y: int, said: str, *, size: int = 12, anchor: str = "start") -> None:
        shown = escape("".join(_shown(said)))
        self._parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="#222">{shown}</text>'
        )


def _shown(said: str) -> Iterable[str]:
    """Leave out what no XML document may hold."""
    return (letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in said)
