"""One event as conditions read it: what many rules ask is worked out once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from wallet_service.kernel.clock import Instant, to_datetime
from wallet_service.rules.model import Basket, Customer, Line
from wallet_service.rules.rounding import apportioned

PATH_SEPARATOR: Final = "/"
PATHS_MAX: Final = 10_000
"""Category paths that are kept taken apart: baskets name the same ones again and again."""
_NOBODY: Final[Sequence[int]] = ()

Belongs: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Whether a customer of these attributes belongs to a segment."""


class Occasion:
    """A basket, a customer and a local time. A basket without lines has one line that is worth nothing."""

    __slots__ = (
        "_bases", "_by_brand", "_by_category", "_by_sku", "_positive", "basket", "customer", "day", "everything", "has_lines", "local",
        "month", "quantities", "quantity", "segments", "total",
    )  # fmt: skip

    def __init__(
        self, basket: Basket, customer: Customer, moment: Instant, zone: ZoneInfo,
        by_attributes: Sequence[tuple[str, Belongs]] = (),
    ) -> None:  # fmt: skip
        self.basket = basket
        self.customer = customer
        self.segments = customer.segments
        if by_attributes:
            self.segments |= {name for name, belongs in by_attributes if belongs(customer.attributes)}
        self.local: datetime = to_datetime(moment).astimezone(zone)
        self.day = self.local.date().isoformat()
        self.month = self.day[:7]
        self.has_lines = bool(basket.lines)
        self.everything: Sequence[int] = range(max(len(basket.lines), 1))
        self.total = sum(line.net_minor for line in basket.lines)
        self.quantities: Sequence[int] = [line.quantity for line in basket.lines] or (0,)
        self.quantity = sum(self.quantities)
        self._bases: dict[tuple[bool, bool], Sequence[int]] = {}
        self._positive: dict[tuple[bool, bool], tuple[Sequence[int], Sequence[int]]] = {}
        self._by_category: Mapping[str, Sequence[int]] | None = None
        self._by_sku: Mapping[str, Sequence[int]] | None = None
        self._by_brand: Mapping[str, Sequence[int]] | None = None

    def by_category(self) -> Mapping[str, Sequence[int]]:
        """Return the lines below each category path that occurs, every prefix of it among them."""
        if self._by_category is None:
            self._by_category = _index(self.basket.lines, _prefixes_of)
        return self._by_category

    def by_sku(self) -> Mapping[str, Sequence[int]]:
        """Return the lines of each article."""
        if self._by_sku is None:
            self._by_sku = _index(self.basket.lines, lambda line: (line.sku,))
        return self._by_sku

    def by_brand(self) -> Mapping[str, Sequence[int]]:
        """Return the lines of each brand."""
        if self._by_brand is None:
            self._by_brand = _index(self.basket.lines, lambda line: (line.brand,))
        return self._by_brand

    def eligible(
        self, lines: Sequence[int], *, before_discounts: bool, include_paid: bool
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return those of the lines that have an eligible amount, and the amounts."""
        key = (before_discounts, include_paid)
        bases = self._bases.get(key)
        if bases is None:
            bases = self._bases[key] = self._eligible(before_discounts, include_paid)
            numbers = [number for number, base in enumerate(bases) if base > 0]
            self._positive[key] = numbers, [bases[number] for number in numbers]
        if lines is self.everything:
            # What many rules ask for is answered once.
            return self._positive[key]
        if len(lines) == 1:
            base = bases[lines[0]]
            return (lines, (base,)) if base > 0 else (_NOBODY, _NOBODY)
        numbers = [number for number in lines if bases[number] > 0]
        return numbers, [bases[number] for number in numbers]

    def _eligible(self, before_discounts: bool, include_paid: bool) -> Sequence[int]:  # noqa: FBT001
        # What was paid with the wallet is taken off all lines in proportion.
        lines = self.basket.lines
        values = [line.gross_minor if before_discounts else line.net_minor for line in lines]
        if not include_paid and self.basket.paid_with_value_minor:
            paid = min(self.basket.paid_with_value_minor, self.total)
            parts = apportioned(paid, [line.net_minor for line in lines])
            values = [max(value - part, 0) for value, part in zip(values, parts, strict=True)]
        return values or (0,)


Picker: TypeAlias = Callable[[Occasion], Sequence[int]]
"""Which lines a rule is about; none: it does not match."""

Holds: TypeAlias = Callable[[Occasion], bool]
"""Whether a condition on the whole event holds."""


@lru_cache(maxsize=PATHS_MAX)
def prefixes(path: str) -> Sequence[str]:
    """Return a category path and all that it lies below: `a` and `a/b`."""
    parts = path.split(PATH_SEPARATOR)
    return tuple(PATH_SEPARATOR.join(parts[:count]) for count in range(1, len(parts) + 1))


def _prefixes_of(line: Line) -> Sequence[str]:
    return prefixes(line.category) if line.category else ()


def _index(lines: Sequence[Line], keys_of: Callable[[Line], Sequence[str]]) -> Mapping[str, Sequence[int]]:
    index: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        for key in keys_of(line):
            index.setdefault(key, []).append(number)
    return index


def picked(index: Mapping[str, Sequence[int]], keys: Sequence[str]) -> Sequence[int]:
    """Return the lines under any of the keys, in order."""
    if len(keys) == 1:
        return index.get(keys[0], _NOBODY)
    return sorted({number for key in keys for number in index.get(key, _NOBODY)})
