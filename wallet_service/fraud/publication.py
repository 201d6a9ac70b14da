"""A policy as it was put in force, and what came of it. Pure."""

from __future__ import annotations

from msgspec import Struct

from wallet_service.fraud.model import Policy
from wallet_service.fraud.plan import plan_of
from wallet_service.fraud.policy import Judge
from wallet_service.kernel.clock import Instant


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """One version of a program's policy, for ever: what it says, where it came from, who wrote it and why."""

    version: int
    document: str
    origin: str
    actor: str
    reason: str
    at: Instant


class InForce:
    """A policy that decides: its version, what it says, what must be counted for it, and its judge."""

    __slots__ = ("judge", "plan", "policy", "trusted", "version")

    def __init__(self, version: int, policy: Policy) -> None:
        self.version = version
        self.policy = policy
        self.plan = plan_of(policy)
        self.judge = Judge(policy)
        listed = policy.trusted.devices | policy.trusted.addresses
        # As links keep them: without the names of keys.
        self.trusted = frozenset(each.rpartition(".")[2] for each in listed)


class ReportLine(Struct, frozen=True, kw_only=True):
    """How often a reason was given, and what was done; in `shadow`, what would have been."""

    reason: str
    shadow: bool
    subject_kind: str
    verdict: str
    number: int
    amount_minor: int
    wallets: int
