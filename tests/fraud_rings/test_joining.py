"""The same rings come out, whatever the order, the batches and the number of those who join."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from circles import DAY, NOW, Town, a_town, key, naive, seen, wallet
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet_service.fraud.ring_rules import Hubs
from wallet_service.fraud.rings.joining import joined, split
from wallet_service.fraud.rings.model import Key, KeyState, Link, LinkKind, RingId, Waiting
from wallet_service.fraud.rings.service import LINKS_NOTED_MAX
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId

TIGHT = Hubs(device=3, address=2, payment=3, referral=3)
LINKS = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from([LinkKind.DEVICE, LinkKind.ADDRESS, LinkKind.PAYMENT]), st.integers(0, 5)),
    max_size=45,
)  # fmt: skip


class Memory:
    """What the database keeps of rings, in a few dictionaries: the pure part alone, ten thousand times."""

    def __init__(self, limits: Hubs) -> None:
        self.limits = limits
        self.links: dict[tuple[WalletId, Key], None] = {}
        self.keys: dict[Key, KeyState] = {}
        self.ring: dict[WalletId, RingId] = {}
        self.numbers = itertools.count(1)

    def fresh(self) -> RingId:
        return RingId(f"ring-{next(self.numbers)}")

    def size(self, ring: RingId | None) -> int:
        return sum(found == ring for found in self.ring.values()) if ring else 0

    def waiting(self, link: Link) -> Waiting:
        state = self.keys.get(link.key)
        holder = state.holder_id if state else None
        holder_ring = self.ring.get(holder) if holder else None
        own = self.ring.get(link.wallet_id)
        return Waiting(
            link.wallet_id, link.key, state.degree if state else 0, state.hub if state else False, holder, holder_ring,
            self.size(holder_ring), own, self.size(own),
        )  # fmt: skip

    def take(self, links: list[Link]) -> None:
        new = {(link.wallet_id, link.key): link for link in links}
        waiting = [self.waiting(link) for pair, link in new.items() if pair not in self.links]
        self.links |= dict.fromkeys(new)
        joins = joined(waiting, lambda _, key: self.limits.of(key.kind), self.fresh)
        self.keys |= {state.key: state for state in joins.keys}
        moved = dict(joins.merged)
        self.ring = {wallet_id: moved.get(ring, ring) for wallet_id, ring in self.ring.items()} | dict(
            joins.members
        )
        for ring, wallets, _ in joins.rings:
            assert self.size(ring) == wallets
        for ring, _, stale in joins.rings:
            if stale:
                self.look_again(ring)

    def look_again(self, ring: RingId) -> None:
        members = [wallet_id for wallet_id, found in self.ring.items() if found == ring]
        keys = {w: [k for (x, k) in self.links if x == w and not self.keys[k].hub] for w in members}
        parts = split(ring, keys, self.fresh)
        self.ring |= dict(parts.members)
        for wallet_id in parts.alone:
            del self.ring[wallet_id]

    def partition(self) -> set[frozenset[WalletId]]:
        rings = set(self.ring.values())
        return {frozenset(w for w, found in self.ring.items() if found == ring) for ring in rings}


@settings(max_examples=300)
@given(LINKS, st.integers(1, 9))
def test_links_in_any_order_and_batches_give_the_rings_of_a_naive_search(drawn, batch):
    links = [seen(name, kind, what) for name, kind, what in drawn]
    memory = Memory(TIGHT)
    for start in range(0, len(links), batch):
        memory.take(links[start : start + batch])
    assert memory.partition() == naive(links, TIGHT)


def some_links(seed: int, number: int = 260) -> list[Link]:
    dice = random.Random(seed)
    kinds = [LinkKind.DEVICE, LinkKind.DEVICE, LinkKind.PAYMENT, LinkKind.ADDRESS]
    return [
        seen(dice.randrange(160), dice.choice(kinds), dice.randrange(60), Instant(NOW - dice.randrange(DAY)))
        for _ in range(number)
    ]  # fmt: skip


async def test_the_database_keeps_the_rings_of_a_naive_search(town: Town, monkeypatch):
    monkeypatch.setattr("wallet_service.fraud.rings.service.LINKS_IN_A_BEAT", 17)
    town.hubs(TIGHT)
    links = some_links(1)
    for start in range(0, len(links), 40):
        await town.rings.note(links[start : start + 40])
        await town.settle()
        assert await town.partition() == naive(links[: start + 40], TIGHT)


async def test_links_noted_twice_are_one_link(town: Town):
    links = [seen(name, LinkKind.DEVICE, "tablet") for name in range(3)]
    assert await town.rings.note(links) == 3
    assert await town.rings.note(links) == 0
    await town.settle()
    assert await town.rings.note([link._replace(seen_at=Instant(NOW + DAY)) for link in links]) == 0
    await town.settle()
    states = await town.database.fetch("select degree from fraud.link_key", timeout_seconds=5)
    assert [row["degree"] for row in states] == [3]


async def test_many_who_join_at_once_find_the_rings_of_a_naive_search(database_url: str, monkeypatch):
    monkeypatch.setattr("wallet_service.fraud.rings.service.LINKS_IN_A_BEAT", 11)
    links = some_links(2, 400)
    async with (
        a_town(database_url, TIGHT) as one,
        a_town(database_url, TIGHT) as two,
        a_town(database_url, TIGHT) as three,
    ):
        towns = (one, two, three)

        async def work(town: Town, part: list[Link]) -> None:
            for start in range(0, len(part), 20):
                await town.rings.note(part[start : start + 20])
                await town.worker.beat()

        # Each notes half of what its neighbour notes too.
        await asyncio.gather(*(work(town, links[n * 100 : n * 100 + 200]) for n, town in enumerate(towns)))
        await asyncio.gather(*(town.settle() for town in towns))
        assert await one.partition() == naive(links, TIGHT)


async def test_a_ring_that_hung_together_by_a_hub_alone_falls_apart(town: Town):
    town.hubs(Hubs(device=5))
    families = [seen(f"{family}{n}", LinkKind.PAYMENT, family) for family in "ab" for n in range(2)]
    await town.rings.note(families)
    await town.rings.note([seen(name, LinkKind.DEVICE, "kiosk") for name in ("a0", "b0", "c", "d", "e")])
    await town.settle()
    before = await town.rings.ring_of([wallet("a0"), wallet("b1"), wallet("c")], timeout_seconds=5)
    assert len({signal.ring_id for signal in before.values()}) == 1
    assert before[wallet("c")].wallets == 7

    await town.rings.note([seen("f", LinkKind.DEVICE, "kiosk")])
    await town.settle()
    assert await town.partition() == {
        frozenset({wallet("a0"), wallet("a1")}), frozenset({wallet("b0"), wallet("b1")})
    }  # fmt: skip
    # One of them is still the ring that it was, so that whoever looks at it finds it again.
    after = await town.rings.ring_of([wallet("a0"), wallet("b0"), wallet("c")], timeout_seconds=5)
    assert before[wallet("c")].ring_id in {signal.ring_id for signal in after.values()}
    assert wallet("c") not in after


async def test_what_a_program_trusts_links_nobody_however_few_share_it(town: Town):
    town.trust(key(LinkKind.DEVICE, "kiosk"))
    await town.rings.note([seen(name, LinkKind.DEVICE, "kiosk") for name in range(3)])
    await town.settle()
    assert await town.partition() == set()


@pytest.mark.parametrize("kind", [LinkKind.DEVICE, LinkKind.ADDRESS])
async def test_a_ring_falls_apart_once_what_held_it_together_is_trusted(town: Town, kind: LinkKind):
    family = {frozenset({wallet(0), wallet(1)})}
    await town.rings.note([seen(name, kind, "kiosk") for name in range(4)])
    await town.rings.note([seen(name, LinkKind.PAYMENT, "family") for name in range(2)])
    await town.settle()
    assert await town.partition() == {frozenset(wallet(name) for name in range(4))}

    town.trust(key(kind, "kiosk"))
    assert (await town.worker.beat()).split == 1
    assert await town.partition() == family

    # Nothing is left to be done, neither here nor by a process that begins now; and the kiosk goes on linking nobody.
    assert await town.rings.part() == 0
    async with a_town(town.url) as other:
        other.trust(key(kind, "kiosk"))
        assert await other.rings.part() == 0
    await town.rings.note([seen(4, kind, "kiosk")])
    await town.settle()
    assert await town.partition() == family


async def test_who_joins_without_knowing_what_is_trusted_parts_it_on_learning(town: Town):
    town.trust(key(LinkKind.DEVICE, "kiosk"))
    await town.settle()
    async with a_town(town.url) as late:
        await late.rings.note([seen(name, LinkKind.DEVICE, "kiosk") for name in range(3)])
        await late.settle()
        assert await town.partition() == {frozenset(wallet(name) for name in range(3))}
        late.trust(key(LinkKind.DEVICE, "kiosk"))
        await late.settle()
    assert await town.partition() == set()


async def test_only_devices_and_addresses_can_be_trusted(town: Town):
    paid = key(LinkKind.PAYMENT, "card")
    await town.rings.note([seen(name, LinkKind.PAYMENT, "card") for name in range(3)])
    await town.settle()
    town.trust(paid)
    await town.rings.note([seen(3, LinkKind.PAYMENT, "card")])
    await town.settle()
    assert await town.partition() == {frozenset(wallet(name) for name in range(4))}


async def test_more_than_a_page_of_what_is_trusted_parts_as_well(town: Town):
    await town.rings.note([seen(name, LinkKind.DEVICE, f"kiosk {name // 2}") for name in range(20)])
    await town.settle()
    town.trust(*(key(LinkKind.DEVICE, f"kiosk {number}") for number in range(LINKS_NOTED_MAX + 1)))
    await town.settle()
    assert await town.partition() == set()


async def test_a_wallet_names_its_devices_and_who_shares_them(town: Town):
    await town.rings.note([seen(name, LinkKind.DEVICE, "tablet") for name in range(3)])
    await town.rings.note(
        [seen(0, LinkKind.DEVICE, "phone", Instant(NOW + DAY)), seen(3, LinkKind.ADDRESS, "flat")]
    )
    await town.rings.note([seen(0, LinkKind.ADDRESS, "flat")])
    await town.settle()
    assert set(await town.rings.linked(wallet(0), timeout_seconds=5)) == {wallet(1), wallet(2)}
    assert await town.rings.linked(wallet(3), timeout_seconds=5) == []
    devices = await town.rings.devices(wallet(0), timeout_seconds=5)
    assert devices == [key(LinkKind.DEVICE, "phone").text, key(LinkKind.DEVICE, "tablet").text]
    assert await town.rings.devices(wallet("nobody"), timeout_seconds=5) == []


async def test_what_was_not_seen_for_too_long_is_forgotten_and_holds_nothing_together(town: Town):
    old = Instant(NOW - 401 * DAY)
    aged = [
        link._replace(seen_at=old) if number % 4 == 0 else link for number, link in enumerate(some_links(3))
    ]
    latest = {(link.wallet_id, link.key): link for link in sorted(aged, key=lambda link: link.seen_at)}
    town.now = Instant(NOW - 300 * DAY)
    await town.rings.note(aged)
    await town.settle()
    assert await town.partition() == naive(aged, Hubs())
    town.now = NOW
    await town.settle()
    kept = [link for link in latest.values() if link.seen_at != old]
    assert await town.partition() == naive(kept, Hubs())
    # Whoever comes later finds the rings by what is left of their keys.
    more = some_links(4)
    await town.rings.note(more)
    await town.settle()
    assert await town.partition() == naive(kept + more, Hubs())
    degrees = await town.database.fetch("select kind, key, degree from fraud.link_key", timeout_seconds=5)
    linked = {(link.wallet_id, link.key) for link in kept + more}
    assert {(Key(LinkKind(row["kind"]), row["key"].hex()), row["degree"]) for row in degrees} == {
        (key, sum(other == key for _, other in linked)) for _, key in linked
    }  # fmt: skip
