"""What was judged, remembered: the judge's part writes here, review and the model read.

A REVIEW of a reservation is to be recorded before its caller is answered, so that a case is opened for every hold
that waits; the others may be written behind the reply. Recording twice is recording once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from wallet_service.fraud.judged import JudgedAs, JudgementRecord, Signal, SubjectKind
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Statements
from wallet_service.runtime.statements import load_statements

__all__ = [
    "BEGINNING",
    "JudgedAs",
    "JudgementRecord",
    "Position",
    "Signal",
    "SubjectKind",
    "judgements_after",
    "record_judgements",
]

_SQL: Final = load_statements("wallet_service.fraud")
_FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"
Position = tuple[Instant, WalletId, str]
"""Where a page of judgements ended: moment, wallet, subject."""

BEGINNING: Final[Position] = (Instant(0), WalletId(_FIRST_ID), _FIRST_ID)
_reasons: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_signals: Final = msgspec.json.Decoder(dict[str, Signal]).decode


async def record_judgements(
    db: Statements, judgements: Sequence[JudgementRecord], *, timeout_seconds: float
) -> int:
    """Remember judgements, the first of each subject for ever; returns how many were new."""
    rows = [msgspec.to_builtins(judgement) for judgement in judgements]
    return int(
        await db.fetchval(_SQL["record_judgements"], json.dumps(rows), timeout_seconds=timeout_seconds)
    )


async def judgements_after(
    db: Statements,
    after: Position,
    limit: int,
    verdicts: Collection[JudgedAs] = (),
    *,
    timeout_seconds: float,
) -> list[JudgementRecord]:
    """Return a page of judgements in the order of their recording; without verdicts: of all."""
    rows = await db.fetch(
        _SQL["judgements_after"], *after, [str(verdict) for verdict in verdicts] or None, limit,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [
        JudgementRecord(
            wallet_id=WalletId(str(row["wallet_id"])), subject_kind=SubjectKind(row["subject_kind"]),
            subject_id=str(row["subject_id"]), program_id=ProgramId(row["program_id"]),
            verdict=JudgedAs(row["verdict"]), shadow_verdict=JudgedAs(row["shadow_verdict"]),
            reasons=_reasons(row["reasons"]), signals=_signals(row["signals"]), policy_version=row["policy_version"],
            amount_minor=row["amount_minor"], judged_at=Instant(row["judged_at"]),
        )
        for row in rows
    ]  # fmt: skip
