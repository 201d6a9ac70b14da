"""The judge. Pure: whoever calls it gathers the signals."""

from __future__ import annotations

from wallet_service.fraud.model import Judgement, Limits, Signals, Verdict


def judge(signals: Signals, limits: Limits) -> Judgement:
    """Return the severest verdict that any signal asks for, with every reason for it."""
    if _above(signals.window_events, limits.reject_events):
        return Judgement(verdict=Verdict.REJECT, reasons=("TOO_MANY_EVENTS",))
    reasons = tuple(
        name
        for name, found, limit in (
            ("MANY_EVENTS", signals.window_events, limits.review_events),
            ("HIGH_VALUE", signals.value_minor, limits.review_value_minor),
            ("HIGH_VALUE_IN_WINDOW", signals.window_value_minor, limits.review_window_value_minor),
        )
        if _above(found, limit)
    )
    return Judgement(verdict=Verdict.REVIEW if reasons else Verdict.PASS, reasons=reasons)


def _above(found: int, limit: int) -> bool:
    return limit > 0 and found > limit
