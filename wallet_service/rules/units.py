"""Amounts of a program's asset and money of its currency, as people write them. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_EXPONENT_MOST: Final = 2
_EXPONENTS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""By ISO 4217: the currencies whose minor unit is not a hundredth."""
_EXPONENT_OF: Final = {code: places for places, codes in _EXPONENTS.items() for code in codes.split()}


class Units(Struct, frozen=True, kw_only=True):
    """In what a program counts: its asset with its decimal places, and the currency of its orders."""

    asset: str
    exponent: int
    currency: str

    def amount(self, minor: int) -> str:
        """Return an amount of the asset: 1234 is 12.34 EUR, or 1234 POINTS."""
        return f"{_written(minor, self.exponent)} {self.asset}"

    def given(self, minor: int) -> str:
        """Return the same, and nothing as a word."""
        return self.amount(minor) if minor else "nothing"

    def money(self, minor: int) -> str:
        """Return money of the currency: 1234 is 12.34 EUR, and 1234 JPY."""
        return f"{_written(minor, self._money_exponent)} {self.currency}"

    @property
    def _money_exponent(self) -> int:
        # Of a currency that is also the asset, the program's own word counts: one sentence names both.
        if self.currency == self.asset:
            return self.exponent
        return _EXPONENT_OF.get(self.currency, _EXPONENT_MOST)


def _written(minor: int, exponent: int) -> str:
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"
