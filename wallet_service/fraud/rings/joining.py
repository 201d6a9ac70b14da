"""Which wallets hang together. Pure; the same rings come out whatever the order in which links arrive.

A ring is a set of wallets connected through keys that are no hubs. Links join one small batch after the other: the
smaller ring is always taken in by the larger, so a wallet changes its ring at most as often as sizes can double. Only
when a key becomes a hub may a ring fall apart, which is worked out again from that ring's links alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from wallet_service.fraud.rings.model import Joins, Key, KeyState, RingId, Split, Waiting
from wallet_service.kernel.ids import WalletId

Node = TypeVar("Node", bound=Hashable)


class Sets(Generic[Node]):
    """Disjoint sets: which of the nodes that were united with each other are together."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def find(self, node: Node) -> Node:
        """Return the node that stands for the set of this one."""
        parent = self._parent.setdefault(node, node)
        while parent != node:
            above = self._parent[parent]
            self._parent[node] = above
            node, parent = above, self._parent[above]
        return node

    def unite(self, one: Node, other: Node) -> None:
        """Put two nodes into one set."""
        self._parent[self.find(one)] = self.find(other)

    def all(self) -> list[list[Node]]:
        """Return every set, in the order in which its first node came."""
        sets: dict[Node, list[Node]] = {}
        for node in list(self._parent):
            sets.setdefault(self.find(node), []).append(node)
        return list(sets.values())


LimitOf = Callable[[str, Key], int]
"""How many wallets may share a key, by the rules of a program, before it says nothing about who belongs together."""


def joined(waiting: Sequence[Waiting], limit_of: LimitOf, fresh: Callable[[], RingId]) -> Joins:
    """Return what these links change. `fresh` gives the id of each new ring.

    Where wallets of several programs share a key, it is a hub once it is beyond the limit of one that joins.
    """
    by_key: dict[Key, list[Waiting]] = {}
    for link in waiting:
        by_key.setdefault(link.key, []).append(link)
    places = _Places(waiting)
    sets: Sets[RingId | WalletId] = Sets()
    keys: list[KeyState] = []
    stale: set[RingId] = set()
    touched: set[RingId | WalletId] = set()
    for key, links in by_key.items():
        first = links[0]
        holder = first.holder_id or first.wallet_id
        degree = first.degree + len(links)
        hub = first.hub or any(
            number > limit_of(link.program_id, key)
            for number, link in enumerate(links, start=first.degree + 1)
        )
        keys.append(KeyState(key=key, degree=degree, hub=hub, holder_id=holder))
        if not hub:
            for link in links:
                sets.unite(places.of(link.wallet_id), places.of(holder))
            if degree > 1:
                touched.add(places.of(holder))
        elif not first.hub and first.holder_ring is not None:
            stale.add(first.holder_ring)  # it may have hung together by this key alone
    return _written(sets, places, keys, stale, touched, fresh)


class _Places:
    """Where wallets are: in a ring, or alone."""

    def __init__(self, waiting: Iterable[Waiting]) -> None:
        self._rings: dict[WalletId, RingId] = {}
        self.sizes: dict[RingId, int] = {}
        for link in waiting:
            if link.own_ring is not None:
                self._rings[link.wallet_id] = link.own_ring
                self.sizes[link.own_ring] = link.own_ring_wallets
            if link.holder_id is not None and link.holder_ring is not None:
                self._rings[link.holder_id] = link.holder_ring
                self.sizes[link.holder_ring] = link.holder_ring_wallets

    def of(self, wallet_id: WalletId) -> RingId | WalletId:
        return self._rings.get(wallet_id, wallet_id)


def _written(
    sets: Sets[RingId | WalletId], places: _Places, keys: list[KeyState], stale: set[RingId],
    touched: set[RingId | WalletId], fresh: Callable[[], RingId],
) -> Joins:  # fmt: skip
    sizes = places.sizes
    rings: dict[RingId, tuple[int, bool]] = {ring: (sizes[ring], True) for ring in stale}
    merged: list[tuple[RingId, RingId]] = []
    members: list[tuple[WalletId, RingId]] = []
    for group in sets.all():
        if len(group) == 1:
            # Another tie between wallets of one ring changes who is in it as little as a circle that closes is harmless.
            if group[0] in sizes and group[0] in touched:
                ring = RingId(group[0])
                rings[ring] = (sizes[ring], ring in stale)
            continue
        within = sorted({RingId(node) for node in group if node in sizes}, key=lambda r: (-sizes[r], r))
        alone = [WalletId(node) for node in group if node not in sizes]
        target = within[0] if within else fresh()
        wallets = sum(sizes[ring] for ring in within) + len(alone)
        rings[target] = (wallets, not stale.isdisjoint(within))
        for ring in within[1:]:
            rings.pop(ring, None)
            merged.append((ring, target))
        members += [(wallet_id, target) for wallet_id in alone]
    return Joins(
        keys=tuple(keys), rings=tuple((ring, size, again) for ring, (size, again) in rings.items()),
        merged=tuple(merged), members=tuple(members),
    )  # fmt: skip


def split(ring_id: RingId, links: Mapping[WalletId, Sequence[Key]], fresh: Callable[[], RingId]) -> Split:
    """Return what a ring falls into, given the keys of each wallet that are no hubs. The largest part stays the ring."""
    sets: Sets[WalletId] = Sets()
    holders: dict[Key, WalletId] = {}
    for wallet_id in sorted(links):
        sets.find(wallet_id)
        for key in links[wallet_id]:
            sets.unite(wallet_id, holders.setdefault(key, wallet_id))
    parts = sorted((sorted(part) for part in sets.all()), key=lambda part: (-len(part), part))
    whole = [part for part in parts if len(part) > 1]
    rings: list[tuple[RingId, int]] = []
    members: list[tuple[WalletId, RingId]] = []
    for number, part in enumerate(whole):
        target = ring_id if number == 0 else fresh()
        rings.append((target, len(part)))
        members += [(wallet_id, target) for wallet_id in part if number]
    alone = tuple(wallet_id for part in parts if len(part) == 1 for wallet_id in part)
    return Split(rings=tuple(rings), members=tuple(members), alone=alone)
