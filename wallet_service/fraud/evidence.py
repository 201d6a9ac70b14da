"""A judgement as it is recorded: what was known at that moment, in plain words and numbers. Pure."""

from __future__ import annotations

from typing import Final

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.judged import JudgedAs, JudgementRecord, Signal, SubjectKind
from wallet_service.fraud.model import Judgement, Of, Signals, Verdict

_STORED: Final = {
    Verdict.ALLOW: JudgedAs.ALLOW,
    Verdict.REVIEW: JudgedAs.REVIEW,
    Verdict.REFUSE: JudgedAs.REFUSE,
}
_KINDS: Final = {Of.REDEMPTION: SubjectKind.RESERVATION, Of.EVENT: SubjectKind.EVENT}


def record_of(
    attempt: Attempt, signals: Signals, judgement: Judgement, policy_version: int
) -> JudgementRecord:
    """Return the record of a judgement."""
    return JudgementRecord(
        wallet_id=attempt.wallet_id, subject_kind=_KINDS[attempt.of], subject_id=attempt.subject_id,
        program_id=attempt.program_id, verdict=_STORED[judgement.verdict],
        shadow_verdict=_STORED[judgement.shadow_verdict], reasons=judgement.reasons,
        signals=evidence_of(signals, judgement), policy_version=policy_version, amount_minor=attempt.amount,
    )  # fmt: skip


def evidence_of(signals: Signals, judgement: Judgement) -> dict[str, Signal]:
    """Return the signals by name; what is not known is left out."""
    traces = signals.traces
    said: dict[str, Signal | None] = {
        "kind": signals.kind or None,
        "device": None if traces.device is None else traces.device.key,
        "address": None if traces.address is None else traces.address.key,
        "payment": None if traces.payment is None else traces.payment.key,
        "referrer": None if traces.referrer is None else traces.referrer.key,
        "agent": traces.agent or None,
        "attested": traces.attested,
        **signals.readings,
        "share_bp": signals.share_bp,
        "balance": signals.balance,
        "wallet_age_seconds": signals.wallet_age_seconds,
        "link_age_seconds": signals.link_age_seconds,
        "credentials_age_seconds": signals.credentials_age_seconds,
        "second_device": signals.second_device or None,
        "anomaly": signals.anomaly,
        "anomaly_reasons": list(signals.anomaly_reasons) or None,
        "ring": signals.ring,
        "ring_reasons": list(signals.ring_reasons) or None,
        "shadow_reasons": list(judgement.shadow_reasons) or None,
        "unknown": list(judgement.unknown) or None,
    }
    return {name: value for name, value in said.items() if value is not None}
