"""What is proved, what was found, and what a roll-forward says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.model import Account, Balance, EntryKind, Wallet


@unique
class Invariant(Enum):
    """What is always true: its number and what it says."""

    BALANCES = (1, "balances are the sums of their entries")
    CONSERVATION = (2, "what came in and did not leave stands inside")
    FLOOR = (3, "no balance is below zero or its floor")
    RESERVED = (4, "what is reserved is what open reservations hold")
    RESERVATIONS = (5, "a reservation ends once and adds up")
    HISTORY = (6, "entries are numbered without gap and chained by hash")
    ONE_EFFECT = (7, "one effect for each id")
    REFUSALS = (8, "a refusal changes nothing")
    RETURNS = (11, "credits, claw-backs and restores agree with their entries and events")
    SPENDING = (12, "only available value is reserved, only reserved value is spent")
    LOTS = (13, "lots sum to balances and keep their expiry")
    EXPIRY = (14, "nothing is spent after its expiry, nothing outlives it")
    CAPS = (15, "caps and budgets are what awards used of them, and never exceeded")
    GRANTS = (16, "the service cannot rewrite history")
    CACHE = (17, "a cached snapshot is not newer than the database")
    AUDIT = (18, "every privileged act is on record")
    QUIET = (19, "no idle transaction and no waiting lock")
    REVIEW = (20, "what waits for a person has a case, what was decided was done")

    @property
    def number(self) -> int:
        """The number in the list of invariants."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """What it says."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where an invariant does not hold; `facts` are what a person needs to look further."""

    invariant: Invariant
    sentence: str
    wallet_id: WalletId | None = None
    program_id: ProgramId | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result for one invariant. `more`: there may be findings beyond those listed."""

    invariant: Invariant
    findings: tuple[Finding, ...]
    more: bool
    seconds: float
    note: str = ""
    """What could not be looked at, and why."""

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """How often and how much value moved, for one program, kind and direction."""

    program_id: ProgramId
    kind: EntryKind
    source: Account
    target: Account
    entries: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What stands in the wallets of one program."""

    program_id: ProgramId
    wallets: int
    pending: int
    available: int
    reserved: int
    frozen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a roll-forward is made of, at one moment."""

    movements: tuple[Movement, ...]
    inside: tuple[Inside, ...]

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return sum(movement.entries for movement in self.movements)

    def count(self, *kinds: EntryKind) -> int:
        """Return how many entries of these kinds there are."""
        return sum(m.entries for m in self.movements if m.kind in kinds)

    def moved(self, source: Account, target: Account) -> int:
        """Return how much value moved from one account to another."""
        return sum(m.amount for m in self.movements if (m.source, m.target) == (source, target))

    def standing(self) -> int:
        """Return what stands inside all wallets."""
        return sum(i.pending + i.available + i.reserved + i.frozen for i in self.inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much later than at once things may happen in a running service."""

    sweep_seconds: int = 15
    """How long after its end an overdue hold or lot may still stand: the sweep interval and room for a backlog."""
    review_seconds: int = 30
    """How long something may wait for a person before it has a case, and a decision before it is carried out."""
    quiet_milliseconds: int = 2_000
    """How long a session may idle in a transaction or wait for a lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A wallet as the database has it, read after the cache was."""

    wallet_id: WalletId
    program_id: ProgramId
    revision: int
    balance: Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """What the cache holds under the name of a wallet; None: something that is no snapshot."""

    wallet_id: WalletId
    snapshot: Wallet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results for every invariant, all but those of cache and sessions read at one moment."""

    program_id: ProgramId | None
    """None: all programs."""
    started_at: Instant
    seconds: float
    checks: tuple[Check, ...]
    totals: Totals

    @property
    def sound(self) -> bool:
        """Whether every invariant holds."""
        return all(check.holds for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found."""
        return tuple(finding for check in self.checks for finding in check.findings)
