"""A policy as it was put in force, and what came of it. Pure."""

from __future__ import annotations

from msgspec import Struct

from wallet_service.fraud.model import Policy
from wallet_service.fraud.plan import Plan
from wallet_service.kernel.clock import Instant


class PolicyVersion(Struct, frozen=True, kw_only=True):
    """One version of a program's policy, for ever: what it says, where it came from, who wrote it and why."""

    version: int
    document: str
    origin: str
    actor: str
    reason: str
    at: Instant


class InForce(Struct, frozen=True, kw_only=True, eq=False):
    """A policy that decides: its version, what it says and what must be counted for it."""

    version: int
    policy: Policy
    plan: Plan


class ReportLine(Struct, frozen=True, kw_only=True):
    """How often a reason was given, and what was done; in `shadow`, what would have been."""

    reason: str
    shadow: bool
    subject_kind: str
    verdict: str
    number: int
    amount_minor: int
    wallets: int
