"""Each number of a program's rules, below, at and above its edge."""

from __future__ import annotations

import pytest
from circles import DAY, NOW, graph_of, key, referred, seen, wallet
from msgspec.structs import replace

from wallet_service.fraud.ring_rules import DEFAULTS, Hubs, RingPoints, RingRules
from wallet_service.fraud.rings.joining import joined
from wallet_service.fraud.rings.model import Graph, Link, LinkKind, Reason, RingId, Waiting
from wallet_service.fraud.rings.policy import program_of, suspicion
from wallet_service.kernel.clock import Instant

DEVICE, PAYMENT = LinkKind.DEVICE, LinkKind.PAYMENT


def sharing(wallets: int, kind: LinkKind = DEVICE, apart_days: float = 0) -> list[Link]:
    """Wallets that share one thing, first seen so far apart."""
    return [seen(n, kind, "shared", Instant(NOW - int(n * apart_days * DAY))) for n in range(wallets)]


def with_own(links: list[Link]) -> list[Link]:
    """The same, each with a phone of its own."""
    return [*links, *(link._replace(key=key(DEVICE, f"own of {link.wallet_id}")) for link in links)]


NAMES = {"many_wallets": ("each_wallet", "many_wallets"), "no_keys_of_their_own": ("no_own_keys",)}
"""Of points, where they are not the reason's own."""


def names_of(reason: Reason) -> tuple[str, ...]:
    return NAMES.get(reason.name.lower(), (reason.name.lower(),))


def points(graph: Graph, rules: RingRules) -> dict[Reason, int]:
    """What each reason alone is worth."""
    found = {}
    for reason in Reason:
        others = {name: 0 for name in RingPoints.__struct_fields__ if name not in names_of(reason)}
        found[reason] = suspicion(graph, replace(rules, points=replace(rules.points, **others))).points
    return found


@pytest.mark.parametrize(("household", "against"), [(9, 0), (8, 0), (7, 2), (6, 4), (1, 14)])
def test_a_household_has_nothing_against_it_and_one_more_has(household, against):
    graph = graph_of(with_own(sharing(8, apart_days=30)))
    assert points(graph, RingRules(household=household))[Reason.MANY_WALLETS] == against


@pytest.mark.parametrize(("bound", "asked"), [(66, True), (67, True), (68, False)])
def test_a_person_is_asked_from_so_many_points_on(bound, asked):
    found = suspicion(graph_of(sharing(8)), RingRules(case_from_points=bound))
    assert (found.points, found.suspicious) == (67, asked)


@pytest.mark.parametrize(("bound", "asked"), [(7, True), (8, True), (9, False)])
def test_a_person_is_asked_about_so_many_wallets(bound, asked):
    found = suspicion(graph_of(sharing(8)), RingRules(case_from_wallets=bound))
    assert (found.points, found.suspicious) == (67, asked)


def test_in_shadow_a_ring_has_its_points_and_nobody_is_asked():
    found = suspicion(graph_of(sharing(8)), RingRules(shadow=True))
    assert (found.points, found.suspicious) == (67, False)


@pytest.mark.parametrize(("own", "against"), [(7, 40), (8, 0), (9, 0)])
def test_what_no_more_than_so_many_share_is_somebodys_own(own, against):
    assert points(graph_of(sharing(8)), RingRules(own_shared_by=own))[Reason.NO_KEYS_OF_THEIR_OWN] == against
    paying = points(graph_of(sharing(8, PAYMENT)), RingRules(own_shared_by=own))
    assert paying[Reason.SHARED_PAYMENT] == (15 if against else 0)


@pytest.mark.parametrize(("days", "against"), [(6, 17), (7, 20), (8, 20)])
def test_wallets_came_together_within_so_many_days(days, against):
    graph = graph_of(sharing(8, apart_days=1))
    assert points(graph, RingRules(formed_days=days))[Reason.FORMED_QUICKLY] == against


@pytest.mark.parametrize(("value", "against"), [(19_599, 10), (19_600, 10), (19_601, 9)])
def test_what_they_spent_has_all_its_points_from_so_much_on(value, against):
    graph = graph_of(sharing(8))
    assert sum(member.redeemed for member in graph.members) == 19_600
    assert points(graph, RingRules(value_minor=value))[Reason.VALUE_MOVED] == against


@pytest.mark.parametrize(("length", "against"), [(6, 25), (7, 25), (8, 0)])
def test_so_many_referrals_in_a_row_are_a_chain(length, against):
    graph = graph_of([link for n in range(1, 8) for link in referred(n, by=n - 1)])
    assert points(graph, RingRules(chain_length=length))[Reason.REFERRAL_CHAIN] == against


@pytest.mark.parametrize("name", RingPoints.__struct_fields__)
def test_a_reason_without_points_is_no_reason(name):
    links = [
        *sharing(8),
        *sharing(8, PAYMENT),
        *(link for n in range(8) for link in referred(n, by=(n + 1) % 8)),
    ]
    graph = graph_of([*links, *(link for n in range(9, 16) for link in referred(n, by=n - 1))])
    before = suspicion(graph, replace(DEFAULTS, points=RingPoints()))
    silent = suspicion(graph, replace(DEFAULTS, points=replace(RingPoints(), **{name: 0})))
    gone = {reason for reason, _ in before.reasons} - {reason for reason, _ in silent.reasons}
    assert [name in names_of(reason) for reason in gone] == [True]


def waiting(number: int, program: str, degree: int = 0) -> Waiting:
    return Waiting(wallet(number), key(DEVICE, "d"), degree, False, None, None, 0, None, 0, program)


@pytest.mark.parametrize(("limit", "hub"), [(2, True), (3, False), (4, False)])
def test_a_key_is_a_hub_beyond_the_limit_of_its_program(limit, hub):
    joins = joined(
        [waiting(n, "shop") for n in range(3)],
        lambda _, key: Hubs(device=limit).of(key.kind),
        lambda: RingId("r"),
    )
    assert [state.hub for state in joins.keys] == [hub]
    assert len(joins.members) == (0 if hub else 3)


@pytest.mark.parametrize(("programs", "hub"), [("aab", False), ("aaab", False), ("aaba", True), ("baaa", True), ("aaa", False)])  # fmt: skip
def test_where_programs_share_a_key_the_limit_of_who_joins_counts(programs, hub):
    limits = {"a": 3, "b": 9}
    links = [waiting(n, program) for n, program in enumerate(programs)]
    assert [
        state.hub for state in joined(links, lambda program, _: limits[program], lambda: RingId("r")).keys
    ] == [hub]


def test_a_ring_is_of_the_program_that_most_of_its_wallets_are_in():
    members = graph_of(sharing(5)).members
    in_programs = [
        type(member)(
            wallet_id=member.wallet_id, program_id=program, first_seen=NOW, last_seen=NOW, redeemed=0
        )
        for member, program in zip(members, ["b", "a", "", "b", "a"], strict=True)
    ]
    assert program_of(in_programs) == "a"
    assert program_of(in_programs[2:4]) == "b"
    assert program_of(()) == program_of(in_programs[2:3]) == ""
