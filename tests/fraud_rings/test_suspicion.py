"""What is a ring and what is a family, a kiosk, a generous friend."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from circles import DAY, NOW, Town, graph_of, key, referred, seen, wallet

from wallet_service.fraud.judgements import BEGINNING, JudgedAs, SubjectKind, judgements_after
from wallet_service.fraud.ring_rules import Hubs, RingRules
from wallet_service.fraud.rings.drawing import WALLETS_MAX, drawn
from wallet_service.fraud.rings.model import (
    Graph,
    Link,
    LinkKind,
    Member,
    RingId,
    RingState,
    Suspicion,
    Tie,
)
from wallet_service.fraud.rings.policy import suspicion
from wallet_service.kernel.clock import Instant

DEVICE, ADDRESS, PAYMENT = LinkKind.DEVICE, LinkKind.ADDRESS, LinkKind.PAYMENT


def ago(days: float) -> Instant:
    return Instant(NOW - int(days * DAY))


def household() -> list[Link]:
    shared = [seen(n, kind, "home", ago(300 - n)) for n in range(4) for kind in (DEVICE, ADDRESS, PAYMENT)]
    return [*shared, *(seen(n, DEVICE, f"phone {n}", ago(200)) for n in range(4))]


def device_farm() -> list[Link]:
    return [seen(n, DEVICE, "farm", ago(3)) for n in range(40)]


def slow_farm() -> list[Link]:
    """20 devices that rotate over 200 wallets, for months."""
    return [
        seen(n, DEVICE, f"slot {(n + turn * 7) % 20}", ago(150 - n // 2 - turn))
        for n in range(200)
        for turn in range(3)
    ]


def kiosk() -> list[Link]:
    """People with phones of their own who now and then use the shop's tablet."""
    return [
        *(seen(n, DEVICE, "kiosk", ago(200 - n)) for n in range(60)),
        *(seen(n, DEVICE, f"phone {n}", ago(300 - 3 * n)) for n in range(60)),
    ]


def generous_friend() -> list[Link]:
    links = [seen(n, DEVICE, f"phone {n}", ago(250 - 9 * n)) for n in range(25)]
    return links + [link for n in range(1, 25) for link in referred(n, by=0, at=ago(250 - 9 * n))]


def referral_circle() -> list[Link]:
    return [link for n in range(5) for link in referred(n, by=(n + 1) % 5, at=ago(5))]


def referral_chain() -> list[Link]:
    """Each refers the next from the same few phones."""
    links = [seen(n, DEVICE, f"slot {n // 6}", ago(4)) for n in range(24)]
    return links + [link for n in range(1, 24) for link in referred(n, by=n - 1, at=ago(4))]


@pytest.mark.parametrize("attack", [device_farm, slow_farm, referral_circle, referral_chain])
async def test_wallets_that_exist_for_each_other_are_told_once_as_one_ring(town: Town, attack):
    links = attack()
    await town.rings.note(links)
    await town.settle()
    (finding,) = town.told
    assert finding.graph.wallets == len({link.wallet_id for link in links})
    assert finding.anchor_id == min(link.wallet_id for link in links)
    assert finding.suspicion.points >= 60
    signals = await town.rings.ring_of([links[0].wallet_id], timeout_seconds=5)
    signal = signals[links[0].wallet_id]
    assert signal.suspicion == finding.suspicion.points
    assert signal.reasons == tuple(reason.value for reason, _ in finding.suspicion.reasons)


@pytest.mark.parametrize("honest", [household, kiosk, generous_friend])
async def test_people_who_merely_share_are_no_ring(town: Town, honest):
    links = honest()
    await town.rings.note(links)
    await town.settle()
    assert town.told == []
    signals = await town.rings.ring_of([wallet(1)], timeout_seconds=5)
    assert signals[wallet(1)].suspicion < 60


async def test_a_household_of_four_has_nothing_against_it(town: Town):
    await town.rings.note(household())
    await town.settle()
    signals = await town.rings.ring_of([wallet(2)], timeout_seconds=5)
    assert (signals[wallet(2)].wallets, signals[wallet(2)].suspicion) == (4, 0)


async def test_a_ring_that_grows_is_told_again_with_the_same_wallet_for_it(town: Town):
    links = sorted(device_farm(), reverse=True)
    await town.rings.note(links[:30])
    await town.settle()
    await town.rings.note(links[30:])
    await town.settle()
    first, second = town.told
    assert (first.graph.wallets, second.graph.wallets) == (30, 40)
    assert first.ring.ring_id == second.ring.ring_id
    assert first.anchor_id == second.anchor_id == links[29].wallet_id
    # Both are told; one judgement waits for a person, and names what was known the first time.
    (judgement,) = await judgements_after(town.database, BEGINNING, 10, timeout_seconds=5)
    assert (judgement.subject_kind, judgement.subject_id) == (SubjectKind.RING, first.ring.ring_id)
    assert judgement.verdict is JudgedAs.REVIEW
    assert judgement.signals["ring.wallets"] == 30
    assert judgement.reasons == tuple(reason.value for reason, _ in first.suspicion.reasons)


async def test_a_circle_that_closes_within_a_ring_is_seen(town: Town):
    await town.rings.note([seen(customer, DEVICE, "tablet") for customer in range(4)])
    await town.rings.note([link for n in range(3) for link in referred(n, n + 1)])
    await town.settle()
    assert not town.told
    await town.rings.note(referred(3, 0))
    await town.settle()
    (told,) = town.told
    assert [reason.value for reason, _ in told.suspicion.reasons] == ["RING_REFERRAL_CYCLE"]


async def test_a_shared_key_of_too_many_links_nobody(town: Town):
    town.hubs(Hubs(address=8))
    await town.rings.note([seen(n, ADDRESS, "carrier") for n in range(9)])
    await town.settle()
    assert await town.partition() == set()
    await town.rings.note([seen(n, ADDRESS, "carrier") for n in range(9, 30)])
    await town.settle()
    assert await town.partition() == set()


async def test_a_picture_is_the_same_for_the_same_ring_whatever_came_first(town: Town):
    await town.rings.note(referral_chain()[::-1])
    await town.settle()
    ring_id = (await town.rings.ring_of([wallet(3)], timeout_seconds=5))[wallet(3)].ring_id
    picture = await town.rings.picture(ring_id)
    assert picture is not None
    assert picture == await town.rings.picture(ring_id)
    marked = await town.rings.picture(ring_id, wallet(3))
    assert marked != picture
    assert marked == await town.rings.picture_around(wallet(3))
    root = ET.fromstring(picture)
    assert len(root.findall("{*}circle")) == 24
    assert await town.rings.picture(RingId(wallet("nobody"))) is None
    assert await town.rings.picture_around(wallet("nobody")) is None


def a_graph(wallets: int, name: str = "") -> Graph:
    members = tuple(
        Member(
            wallet_id=wallet(n), program_id="p", first_seen=NOW, last_seen=NOW, redeemed=n, customer_ref=name
        )
        for n in range(wallets)
    )
    ties = tuple(Tie(wallet(n), key(DEVICE, n % 3), wallets // 3, hub=n % 3 == 0) for n in range(wallets))
    return Graph(wallets=wallets, members=members, ties=ties)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '" onload="x', "]]>", "&amp;", "\x00\x1b[31m\u202e", "=cmd()" * 99]
)
def test_what_a_picture_shows_cannot_become_markup(name):
    graph = a_graph(9, name)
    ring = RingState(ring_id=RingId(wallet("r")), wallets=9, revision=1)
    picture = drawn(ring, graph, suspicion(graph, RingRules()))
    root = ET.fromstring(picture)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg", "style", "defs", "marker", "path", "rect", "text", "circle", "title"
    }  # fmt: skip
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]


def test_a_picture_of_too_many_wallets_says_how_many_are_missing():
    graph = a_graph(500)
    ring = RingState(ring_id=RingId(wallet("r")), wallets=500, revision=1)
    picture = drawn(ring, graph, Suspicion(points=70))
    assert picture.count("<circle") == WALLETS_MAX
    assert "380 more wallets are not shown" in picture


def test_an_empty_ring_can_be_judged_and_drawn():
    graph = Graph(wallets=0, members=(), ties=())
    ring = RingState(ring_id=RingId(wallet("r")), wallets=0, revision=1)
    assert suspicion(graph, RingRules()).points == 0
    assert drawn(ring, graph, Suspicion(points=0)).startswith("<svg")


def test_the_picture_in_the_manual_is_what_is_drawn():
    """Delete docs/img/ring.svg and run this twice after a change."""
    graph = graph_of(referral_chain())
    ring = RingState(ring_id=RingId(wallet("r")), wallets=graph.wallets, revision=1)
    picture = drawn(ring, graph, suspicion(graph, RingRules()))
    kept = Path(__file__).parents[2] / "docs" / "img" / "ring.svg"
    if not kept.exists():
        kept.write_text(picture)
        pytest.fail("it was missing and is drawn now")
    assert picture == kept.read_text()


def box(text: ET.Element) -> tuple[float, float]:
    """How far from the top and from the left of the picture a line of text stands."""
    return float(text.get("y", "0")), float(text.get("x", "0"))


@pytest.mark.parametrize("wallets", [1, 4, 40, 200])
def test_the_wallet_that_is_asked_about_stands_out_and_no_name_runs_into_the_legend(wallets):
    graph = a_graph(wallets, "somebody@example.com")
    ring = RingState(ring_id=RingId(wallet("r")), wallets=wallets, revision=1)
    asked = graph.members[-1].wallet_id
    root = ET.fromstring(drawn(ring, graph, suspicion(graph, RingRules()), asked))
    (bold,) = [text for text in root.findall("{*}text") if text.get("class") == "m"]
    assert bold.text == "somebody@example.com"
    lowest_of_legend = max(box(text)[0] for text in root.findall("{*}text") if text.text == "device")
    tops = [float(circle.get("cy", "0")) for circle in root.findall("{*}circle")]
    # Names stand outside of the circle, twenty letters of some eight units.
    assert min(tops) - 13 - 20 * 8 > lowest_of_legend
