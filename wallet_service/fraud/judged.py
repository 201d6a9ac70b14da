"""A judgement as it is remembered: of which subject, with what verdict, for what reasons, on what signals. Frozen."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId

_BEGINNING: Final = Instant(0)


@unique
class SubjectKind(StrEnum):
    """What a judgement is about."""

    RESERVATION = "reservation"
    EVENT = "event"
    RING = "ring"


@unique
class JudgedAs(StrEnum):
    """A verdict as it is stored."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    REFUSE = "REFUSE"


Signal = int | str | bool | list[str]
"""A signal as it was seen: whole numbers, names, ids; never what identifies a person."""


class JudgementRecord(Struct, frozen=True, kw_only=True):
    """A judgement of one subject. `subject_id` is the reservation's, event's or ring's; `judged_at` is set by the store."""

    wallet_id: WalletId
    subject_kind: SubjectKind
    subject_id: str
    program_id: ProgramId
    verdict: JudgedAs
    shadow_verdict: JudgedAs
    reasons: tuple[str, ...]
    signals: dict[str, Signal]
    policy_version: int
    amount_minor: int
    judged_at: Instant = _BEGINNING
