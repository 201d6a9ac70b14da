"""The fraud desk: people who decide what waits for them, some hours later, and who are always right.

That they are right is an assumption and makes the numbers about the policy alone.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from wallet.v1.review_pb2 import Case, CaseDecision, CaseSubject
from wallet_client import AsyncWalletClient, WalletError, errors, new_id

from loadtest.attacks.acts import HOUR
from loadtest.fraud.seen import Moment, Records
from loadtest.fraud.till import ACTOR, Till

ROUND_SECONDS: Final = 6 * HOUR
HOURS_TO_DECIDE: Final = (1, 8)
CASES_AT_ONCE: Final = 100
APPROVE: Final = CaseDecision.VERDICT_APPROVE
REJECT: Final = CaseDecision.VERDICT_REJECT


@dataclass(slots=True)
class Desk:
    """Decides by the label of what a case is about, and freezes whoever was found out."""

    client: AsyncWalletClient
    till: Till
    records: Records
    attackers: frozenset[str]
    """Whose wallets are those of attackers."""
    rng: random.Random
    open_cases: int = 0
    """What was left undecided in the last round."""
    due: dict[str, int] = field(default_factory=dict)
    """When a case will be decided."""

    async def work(
        self, now: int, mark: Callable[[], Moment], approved: Callable[[str], Awaitable[None]]
    ) -> None:
        """Decide what is due."""
        found = [case async for case in self.client.review.cases(self.till.program_id)]
        customers = {wallet_id: who for who, wallet_id in self.till.wallets.items()}
        decided: dict[str, tuple[Case, bool, list[str]]] = {}
        for case in found:
            if case.case_id not in self.due:
                self.due[case.case_id] = now + self.rng.randrange(*HOURS_TO_DECIDE) * HOUR
                guilty, _ = await self._judged(case, customers)
                self.records.cases += 1
                self.records.cases_wrong += not guilty
            if self.due[case.case_id] <= now:
                decided[case.case_id] = (case, *await self._judged(case, customers))
        await self._decide(decided)
        self.open_cases = len(found) - len(decided)
        for case, guilty, wallets in decided.values():
            if guilty:
                await self._freeze(wallets, mark)
            elif case.subject == CaseSubject.CASE_SUBJECT_RESERVATION:
                await approved(case.subject_id)

    async def _judged(self, case: Case, customers: dict[str, str]) -> tuple[bool, list[str]]:
        """Return whether a case is about an attack, and whose wallets it is about."""
        whose = customers[case.wallet_id]
        if case.subject == CaseSubject.CASE_SUBJECT_RING:
            known = await self.client.review.case(case.case_id)
            linked = [customers[each] for each in known.evidence.linked_wallet_ids if each in customers]
            guilty = [each for each in (whose, *linked) if each in self.attackers]
            return len(guilty) * 2 > 1 + len(linked), guilty
        acts = self.till.tried if case.subject == CaseSubject.CASE_SUBJECT_RESERVATION else self.till.events
        act = acts.get(case.subject_id)
        return bool(act and act.attack), [whose]

    async def _decide(self, decided: dict[str, tuple[Case, bool, list[str]]]) -> None:
        decisions = [
            CaseDecision(
                case_id=case_id, operation_id=new_id(), verdict=REJECT if guilty else APPROVE,
                reason="an attack" if guilty else "called; it was the customer",
            )
            for case_id, (_, guilty, _) in decided.items()
        ]  # fmt: skip
        for start in range(0, len(decisions), CASES_AT_ONCE):
            await self.client.review.decide_many(decisions[start : start + CASES_AT_ONCE])

    async def _freeze(self, customers: list[str], mark: Callable[[], Moment]) -> None:
        for who in customers:
            if who in self.records.frozen:
                continue
            try:
                await self.client.wallet.freeze(self.till.wallets[who], actor=ACTOR, reason="an attack")
            except errors.WalletFrozen:
                pass
            except WalletError as fault:
                raise RuntimeError(f"the wallet of {who} could not be frozen: {fault}") from fault
            self.records.frozen[who] = mark()
