"""What a season proves: each family's wallets, value and losses, and what honest customers had to suffer. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from loadtest.attacks.acts import Scene, What, family_of
from loadtest.fraud.seen import Became, Moment, Outcome, Records

SHARE_IN_TIME: Final = 0.05
"""Of an attack's value: whoever is stopped before so much of it was committed was stopped in time."""
TARGETS: Final = {"in_time": 0.95, "refused": 0.001, "reviewed": 0.005}
HOUSEHOLD: Final = "household"
"""The kind of customers who look like nothing else."""
_STOPPED: Final = frozenset({Became.REFUSED, Became.REVIEWED, Became.FROZEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A judgement as it is on record, put in the order of everything."""

    who: str
    attack: str
    verdict: str
    reasons: tuple[str, ...]
    shadows: tuple[str, ...]
    when: Moment | None
    """Of events; redemptions are known by their outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How a family of attacks fared."""

    family: str
    attacks: int
    wallets: int
    in_time: int
    """Stopped or in review before 5 % of the attack's value was committed."""
    found: int
    """Stopped or in review at any time."""
    value_minor: int
    lost_minor: int
    """What was committed of it in all."""
    lost_before_minor: int
    """What wallets committed before they were found; of those never found, everything."""
    reasons: Mapping[str, int]

    @property
    def share_in_time(self) -> float:
        """The share that was stopped in time."""
        return self.in_time / self.wallets


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """What a kind of honest customers had to suffer."""

    kind: str
    wallets: int
    refused: int
    reviewed: int
    redemptions: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every bound at so much of what it is would have found; counted in shadow."""

    factor: float
    precision: float
    recall: float
    missed_minor: int
    honest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What one limit adds to the policy, or would add if it were not only counted."""

    name: str
    attackers: int
    """Wallets of attackers that it named."""
    attackers_more: int
    """Of those, the ones that nothing else would have stopped or held."""
    honest: int
    honest_more: int
    """Honest customers whom nothing else would have troubled."""


def additions(records: Records, judged: Sequence[Judged], names: Iterable[str]) -> list[Addition]:
    """Return what limits named, and whom of these nothing else did."""
    found = {who for _, who in _found(records, [])}
    scores: list[Addition] = []
    for name in names:
        acted_on = any(name in each.reasons for each in judged)
        others = {each.who for each in judged if each.verdict != "ALLOW" and set(each.reasons) - {name}}
        named = [each for each in judged if name in each.reasons or name in each.shadows]
        hits = {each.who for each in named if each.attack}
        wrong = {each.who for each in named if not each.attack}
        scores.append(
            Addition(
                name=name, attackers=len(hits), attackers_more=len(hits - others - (set() if acted_on else found)),
                honest=len(wrong), honest_more=len(wrong - others),
            )
        )  # fmt: skip
    return scores


def families(scene: Scene, records: Records, judged: Sequence[Judged]) -> list[Family]:
    """Return each family, in the order in which they were staged."""
    attackers = _attackers(scene, records)
    stakes = _stakes(scene, records)
    found = _found(records, judged)
    commits = _commits(records)
    scores: list[Family] = []
    for family in dict.fromkeys(family_of(attack) for attack in attackers):
        attacks = {attack: who for attack, who in attackers.items() if family_of(attack) == family}
        in_time = detected = lost_before = 0
        for attack, wallets in attacks.items():
            value = sum(stakes[attack, who] for who in wallets)
            for who in wallets:
                when = found.get((attack, who))
                lost_before += sum(
                    each.committed_minor
                    for each in commits[attack]
                    if each.act.who == who and (when is None or each.when < when)
                )
                if when is None:
                    continue
                detected += 1
                by_then = sum(each.committed_minor for each in commits[attack] if each.when < when)
                in_time += by_then < SHARE_IN_TIME * value or not by_then
        scores.append(
            Family(
                family=family, attacks=len(attacks), wallets=sum(map(len, attacks.values())), in_time=in_time,
                found=detected,
                value_minor=sum(stakes[attack, who] for attack, wallets in attacks.items() for who in wallets),
                lost_minor=sum(each.committed_minor for attack in attacks for each in commits[attack]),
                lost_before_minor=lost_before, reasons=_reasons(judged, family),
            )
        )  # fmt: skip
    return scores


def honest(scene: Scene, records: Records, judged: Sequence[Judged]) -> list[Honest]:
    """Return each kind of customers whom nobody attacked."""
    attacked = {act.who for act in scene.acts if act.attack}
    refused, reviewed, redemptions = set[str](), set[str](), Counter[str]()
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in records.outcomes:
        redemptions[outcome.act.who] += outcome.became is Became.COMMITTED
        if outcome.became in {Became.REFUSED, Became.FROZEN}:
            refused.add(outcome.act.who)
        if outcome.became is Became.REVIEWED:
            reviewed.add(outcome.act.who)
    for each in judged:
        if each.verdict != "ALLOW":
            (refused if each.verdict == "REFUSE" else reviewed).add(each.who)
            reasons[each.who].update(each.reasons)
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for customer in scene.customers:
        if not customer.attacker and customer.who not in attacked:
            kinds[customer.kind].append(customer.who)
    return [
        Honest(
            kind=kind, wallets=len(wallets), refused=len(refused.intersection(wallets)),
            reviewed=len(reviewed.intersection(wallets)), redemptions=sum(redemptions[who] for who in wallets),
            reasons=dict(sum((reasons[who] for who in wallets), Counter[str]()).most_common()),
        )
        for kind, wallets in kinds.items()
    ]  # fmt: skip


def settings(
    scene: Scene, records: Records, judged: Sequence[Judged], factors: Iterable[float]
) -> list[Setting]:
    """Return what the policy would have found with every bound multiplied by a factor; 1 is what was in force."""
    attackers = _attackers(scene, records)
    guilty = {who for wallets in attackers.values() for who in wallets}
    stakes: Counter[str] = Counter()
    for (_, who), value in _stakes(scene, records).items():
        stakes[who] += value
    everybody = {customer.who for customer in scene.customers}
    found: list[Setting] = []
    for factor in factors:
        named = {
            each.who
            for each in judged
            if (each.verdict != "ALLOW" if factor == 1 else any(s.endswith(suffix(factor)) for s in each.shadows))
        }  # fmt: skip
        hits, wrong = len(named & guilty), len(named & (everybody - guilty))
        found.append(
            Setting(
                factor=factor, precision=hits / max(hits + wrong, 1), recall=hits / len(guilty), honest=wrong,
                missed_minor=sum(stakes[who] for who in guilty - named),
            )
        )  # fmt: skip
    return found


def suffix(factor: float) -> str:
    """Return how limits in shadow end that have so much of the bound: `_X050` at a half."""
    return f"_X{round(factor * 100):03d}"


def as_json(scores: Sequence[Family], kinds: Sequence[Honest], points: Sequence[Setting]) -> dict[str, Any]:
    """Return everything as JSON holds it, with what is below its target said by name."""
    wallets = sum(kind.wallets for kind in kinds)
    refused = sum(kind.refused for kind in kinds) / max(wallets, 1)
    reviewed = sum(kind.reviewed for kind in kinds) / max(wallets, 1)
    below = [score.family for score in scores if score.share_in_time < TARGETS["in_time"]]
    below += ["honest refused"] * (refused > TARGETS["refused"])
    below += ["honest reviewed"] * (reviewed > TARGETS["reviewed"])
    return {
        "families": [
            {**asdict(score), "share_in_time": round(score.share_in_time, 4)} for score in scores
        ],
        "honest": {
            "wallets": wallets,
            "refused": round(refused, 5),
            "reviewed": round(reviewed, 5),
            "reviewed_households": _share_in_review([kind for kind in kinds if kind.kind == HOUSEHOLD]),
            "reviewed_lookalikes": _share_in_review([kind for kind in kinds if kind.kind != HOUSEHOLD]),
            "kinds": [asdict(kind) for kind in kinds],
        },
        "settings": [asdict(point) for point in points],
        "targets": TARGETS,
        "below_target": below,
    }  # fmt: skip


def _share_in_review(kinds: Sequence[Honest]) -> float:
    return round(sum(kind.reviewed for kind in kinds) / max(sum(kind.wallets for kind in kinds), 1), 5)


def _attackers(scene: Scene, records: Records) -> dict[str, list[str]]:
    """Return whose wallets each attack uses."""
    found: dict[str, dict[str, None]] = {}
    for act in scene.acts:
        if act.attack and act.attack not in records.spared:
            found.setdefault(act.attack, {})[act.who] = None
    return {attack: list(wallets) for attack, wallets in found.items()}


def _stakes(scene: Scene, records: Records) -> dict[tuple[str, str], int]:
    """Return what each wallet of an attack was to bring: what was asked for, or all there was when all is wanted."""
    planned: Counter[tuple[str, str]] = Counter()
    everything: set[tuple[str, str]] = set()
    for act in scene.acts:
        if act.attack:
            planned[act.attack, act.who] += act.amount_minor if act.what is What.REDEEM else 0
            if act.what is What.REDEEM and not act.amount_minor:
                everything.add((act.attack, act.who))
    seen: Counter[tuple[str, str]] = Counter()
    for outcome in records.outcomes:
        key = (outcome.act.attack, outcome.act.who)
        if key in everything:
            # What was held for a person is tried for once more; what was committed is gone.
            asked = outcome.wanted_minor if outcome.act.amount_minor == 0 else 0
            seen[key] = max(seen[key], asked + _committed_before(records, outcome))
    return {key: seen[key] if key in everything else value for key, value in planned.items()}


def _committed_before(records: Records, outcome: Outcome) -> int:
    act = outcome.act
    return sum(
        each.committed_minor
        for each in records.outcomes
        if each.act.who == act.who and each.act.attack == act.attack and each.when < outcome.when
    )


def _found(records: Records, judged: Sequence[Judged]) -> dict[tuple[str, str], Moment]:
    """Return when each wallet of an attack was stopped or held for the first time."""
    found: dict[tuple[str, str], Moment] = {}

    def note(attack: str, who: str, when: Moment) -> None:
        found[attack, who] = min(found.get((attack, who), when), when)

    for outcome in records.outcomes:
        if outcome.act.attack and outcome.became in _STOPPED:
            note(outcome.act.attack, outcome.act.who, outcome.when)
            continue
        frozen = records.frozen.get(outcome.act.who)
        if outcome.act.attack and frozen is not None:
            note(outcome.act.attack, outcome.act.who, frozen)
    for each in judged:
        if each.attack and each.when is not None and each.verdict != "ALLOW":
            note(each.attack, each.who, each.when)
    return found


def _commits(records: Records) -> defaultdict[str, list[Outcome]]:
    commits: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in records.outcomes:
        if outcome.committed_minor and outcome.act.attack:
            commits[outcome.act.attack].append(outcome)
    return commits


def _reasons(judged: Sequence[Judged], family: str) -> dict[str, int]:
    """Return how many wallets each limit spoke about."""
    spoken = {
        (each.who, reason)
        for each in judged
        if family_of(each.attack) == family and each.verdict != "ALLOW"
        for reason in each.reasons
    }
    return dict(Counter(reason for _, reason in spoken).most_common())
