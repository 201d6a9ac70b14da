"""Events as attempts that fraud policies judge, and their judgements put on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wallet_service.earning.desk import Desk
from wallet_service.earning.model import Event, EventKind, EventState, value_of
from wallet_service.earning.policy import APPROVED
from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.evidence import record_of
from wallet_service.fraud.judged import JudgementRecord
from wallet_service.fraud.live import Policies
from wallet_service.fraud.model import Of
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.ids import WalletId, wallet_id_of

RECORD_SECONDS: Final = 5.0


def attempt_of(event: Event) -> Attempt:
    """Return an event as the judges see it, at the moment when it came in: a backlog that is worked off is no rush."""
    return Attempt(
        of=Of.EVENT, program_id=event.program_id, wallet_id=event.wallet_id, subject_id=event.event_id,
        amount=value_of(event.content), at=event.received_at, kind=event.kind.name.lower(),
        traces=event.content.traces,
    )  # fmt: skip


def attempts_of(due: Sequence[Event], policies: Policies) -> list[tuple[Attempt, InForce]]:
    """Return what is to be judged by a policy: what is held and no reviewer has let pass. Returns are not judged."""
    if not policies.any:
        return []
    return [
        (attempt_of(event), in_force)
        for event in due
        if event.state is EventState.HELD
        and event.kind is not EventKind.RETURN
        and APPROVED not in event.result.reasons
        and (in_force := policies.of(event.program_id)) is not None
    ]


async def note_judgements(fraud: Fraud, desks: Mapping[WalletId, Desk], due: Sequence[Event]) -> None:
    """Put on record what was judged in a round, once the decisions are written down."""
    records: list[JudgementRecord] = []
    for event in due:
        desk = desks[event.wallet_id]
        judgement = desk.judged.get(event.event_id)
        if judgement is None:
            continue
        attempt, in_force = attempt_of(event), fraud.policies.of(event.program_id)
        if in_force is not None:
            fraud.concluded(attempt, in_force, judgement, failed=False, repeated=False)
            _pass_on_referral(fraud, event)
        if judgement.notable:
            signals = desk.signals.get(event.event_id) or attempt.signals()
            version = 0 if in_force is None else in_force.version
            records.append(record_of(attempt, signals, judgement, version))
    await fraud.record(records, timeout_seconds=RECORD_SECONDS)


def _pass_on_referral(fraud: Fraud, event: Event) -> None:
    """Let the rings know who came by whose word, if the referral names a customer of the program."""
    if event.kind is EventKind.REFERRAL and event.content.subject:
        by = wallet_id_of(event.program_id, event.content.subject)
        fraud.heard_of_referral(event.wallet_id, by, event.received_at)
