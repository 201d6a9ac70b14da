"""What an event that came back, or was never credited, gives back of the caps and budgets it had used. Pure.

A cap counts the awards that it may trim, and its key says which these are. So what goes back to it is reckoned like
what is taken back of the cashback: as a function of all that has come back so far, over the lines of these awards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wallet_service.earning import returns
from wallet_service.earning.model import Back, OrderLine
from wallet_service.rules.compiler import BUDGET_SCOPE
from wallet_service.rules.model import Award, Priced

_RULE: Final = "rule"


def given_back(
    priced: Priced, back: Back, lines: tuple[OrderLine, ...], not_taken: int | None = None
) -> Mapping[str, int]:
    """Return how much of each cap is to have gone back in all.

    Where a program gives up what it cannot take, so much of this event was not taken, or not yet. Then a cap gets back
    no more than its part of what was: what a customer keeps stays counted, or he could earn it again and again. That
    part is one of the whole event, whichever lines came back, so that it only grows, and to the same end by any split.
    """
    found = {}
    for use in priced.caps:
        counted = [award.lines for award in priced.awards if counts(use.cap_key, award) and award.lines]
        shares = tuple(sum(given) for given in zip(*counted, strict=True))
        found[use.cap_key] = min(returns.share_back(back, lines, shares), use.amount) if shares else 0
        if not_taken is not None:
            taken = returns.share_back(back, lines, priced.lines) - not_taken
            found[use.cap_key] = min(found[use.cap_key], use.amount * taken // priced.amount)
    return found


def everything(priced: Priced) -> Mapping[str, int]:
    """Return all that was used: of what is never credited nothing counts."""
    return {use.cap_key: use.amount for use in priced.caps}


def counts(cap_key: str, award: Award) -> bool:
    """Whether an award counts against a cap: one of all rules together, of its campaign or of its own."""
    if cap_key.startswith(BUDGET_SCOPE):
        return award.campaign_id == cap_key[len(BUDGET_SCOPE) :]
    scope, _, rest = cap_key.partition("/")
    return scope != _RULE or rest.startswith(f"{award.rule_id}/")
