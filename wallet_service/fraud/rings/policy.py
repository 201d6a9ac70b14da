"""How suspicious a ring is. Pure, in whole points, each with its reason.

What a family, a shared flat or a shop's kiosk has in common with a ring is that devices are shared; what sets a ring
apart is that its wallets have nothing of their own, came together, move value, and refer each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from wallet_service.fraud.ring_rules import RingRules
from wallet_service.fraud.rings.model import Graph, LinkKind, Member, Reason, Suspicion, Tie
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND
from wallet_service.kernel.ids import WalletId

Found = tuple[int, Reason, str]
_POINTS_MAX: Final = 100
_MEANS: Final = frozenset({LinkKind.DEVICE, LinkKind.PAYMENT})
_CHAIN_MAX: Final = 1_000
_DAY: Final = 86_400 * MICROSECONDS_PER_SECOND


def suspicion(graph: Graph, rules: RingRules) -> Suspicion:
    """Return the points that speak against a ring and why; a household has none unless it refers itself in a circle."""
    referrers = referred_by(graph.ties)
    found = [_cycle(referrers, rules)]
    if graph.wallets > rules.household:
        found += [
            _size(graph, rules),
            _no_own_keys(graph, rules),
            _formed_quickly(graph.members, rules),
            _value(graph, rules),
            _payment(graph.ties, rules),
            _chain(referrers, rules),
            _referred_themselves(graph.ties, referrers, rules),
        ]
    told = sorted((each for each in found if each[0] > 0), key=lambda each: (-each[0], each[1].value))
    points = min(sum(each[0] for each in told), _POINTS_MAX)
    return Suspicion(
        points=points,
        reasons=tuple((reason, sentence) for _, reason, sentence in told),
        suspicious=(
            points >= rules.case_from_points and graph.wallets >= rules.case_from_wallets and not rules.shadow
        ),
    )


def program_of(members: Sequence[Member]) -> str:
    """Return the program that most of these wallets are in; of several as many, the first by name; empty: in none."""
    wallets = Counter(member.program_id for member in members if member.program_id)
    return min(wallets, key=lambda program: (-wallets[program], program), default="")


def referred_by(ties: Sequence[Tie]) -> dict[WalletId, WalletId]:
    """Return who referred whom, by the one who was referred; a referrer's link to its own id says nothing."""
    referrers: dict[WalletId, WalletId] = {}
    for tie in ties:
        if tie.key.kind is LinkKind.REFERRAL and tie.key.text != tie.wallet_id.replace("-", ""):
            referrers.setdefault(tie.wallet_id, _wallet_of(tie.key.text))
    return referrers


def _wallet_of(text: str) -> WalletId:
    return WalletId("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32])))


def _size(graph: Graph, rules: RingRules) -> Found:
    points = min((graph.wallets - rules.household) * rules.points.each_wallet, rules.points.many_wallets)
    return points, Reason.MANY_WALLETS, f"{graph.wallets} wallets hang together"


def _no_own_keys(graph: Graph, rules: RingRules) -> Found:
    """Count wallets all of whose devices and payment means are shared by more than a family."""
    own: dict[WalletId, bool] = {}
    for tie in graph.ties:
        if tie.key.kind in _MEANS:
            mine = not tie.hub and tie.degree <= rules.own_shared_by
            own[tie.wallet_id] = own.get(tie.wallet_id, False) or mine
    without = sum(not has for has in own.values())
    looked_at = max(len(graph.members), 1)
    points = rules.points.no_own_keys * without // looked_at if without * 2 >= looked_at else 0
    return (
        points,
        Reason.NO_KEYS_OF_THEIR_OWN,
        f"{without} of {looked_at} wallets have no device and no payment means of their own",
    )


def _formed_quickly(members: Sequence[Member], rules: RingRules) -> Found:
    """Count the most wallets that were first seen within a few days."""
    seen = sorted(member.first_seen for member in members)
    window = rules.formed_days * _DAY
    most = start = 0
    for end, moment in enumerate(seen):
        while moment - seen[start] > window:
            start += 1
        most = max(most, end - start + 1)
    enough = most > rules.household and most * 2 >= len(seen)
    points = rules.points.formed_quickly * most // len(seen) if enough else 0
    return (
        points,
        Reason.FORMED_QUICKLY,
        f"{most} of {len(seen)} wallets were first seen within {rules.formed_days} days",
    )


def _value(graph: Graph, rules: RingRules) -> Found:
    moved = sum(member.redeemed for member in graph.members)
    points = min(rules.points.value_moved * moved // rules.value_minor, rules.points.value_moved)
    return points, Reason.VALUE_MOVED, f"{moved} minor units were spent by them lately"


def _payment(ties: Sequence[Tie], rules: RingRules) -> Found:
    shared = Counter(tie.key for tie in ties if tie.key.kind is LinkKind.PAYMENT and not tie.hub)
    most = max(shared.values(), default=0)
    points = rules.points.shared_payment if most > rules.own_shared_by else 0
    return points, Reason.SHARED_PAYMENT, f"{most} wallets pay with the same means"


def _chain_from(wallet_id: WalletId, referrers: Mapping[WalletId, WalletId]) -> tuple[int, bool]:
    """Return how many referrals lead up from a wallet, and whether they lead back to it."""
    seen = {wallet_id}
    length, at = 0, wallet_id
    while length < _CHAIN_MAX and (above := referrers.get(at)) is not None:
        length += 1
        if above == wallet_id:
            return length, True
        if above in seen:
            break
        seen.add(above)
        at = above
    return length, False


def _cycle(referrers: Mapping[WalletId, WalletId], rules: RingRules) -> Found:
    within = sum(_chain_from(wallet_id, referrers)[1] for wallet_id in referrers)
    points = rules.points.referral_cycle if within else 0
    return points, Reason.REFERRAL_CYCLE, f"{within} wallets referred each other in a circle"


def _chain(referrers: Mapping[WalletId, WalletId], rules: RingRules) -> Found:
    longest = max((_chain_from(wallet_id, referrers)[0] for wallet_id in referrers), default=0)
    points = rules.points.referral_chain if longest >= rules.chain_length else 0
    return points, Reason.REFERRAL_CHAIN, f"{longest} referrals follow one another"


def _referred_themselves(
    ties: Sequence[Tie], referrers: Mapping[WalletId, WalletId], rules: RingRules
) -> Found:
    """Count those who share a device or a payment means with whoever referred them."""
    means: dict[WalletId, set[str]] = {}
    for tie in ties:
        if tie.key.kind in _MEANS and not tie.hub:
            means.setdefault(tie.wallet_id, set()).add(tie.key.text)
    nothing: set[str] = set()
    number = sum(
        not means.get(wallet_id, nothing).isdisjoint(means.get(above, nothing))
        for wallet_id, above in referrers.items()
    )
    points = rules.points.referred_themselves if number > rules.own_shared_by else 0
    return (
        points,
        Reason.REFERRED_THEMSELVES,
        f"{number} wallets share a device or a payment means with who referred them",
    )
