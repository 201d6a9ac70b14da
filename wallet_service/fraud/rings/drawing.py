"""A ring as a picture: SVG as text, the same for the same ring. Pure; whatever is shown is escaped.

Wallets stand on a circle, what they share inside of it, and referrals are arrows from wallet to wallet. What only one
wallet has is left out: it links nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from wallet_service.fraud.rings.model import Graph, Key, LinkKind, Member, RingState, Suspicion, Tie
from wallet_service.fraud.rings.policy import referred_by
from wallet_service.kernel.ids import WalletId

WALLETS_MAX: Final = 120
KEYS_MAX: Final = 60
NAME_MAX: Final = 20
WIDTH: Final = 1_120
TOP: Final = 70
_OUTER: Final = 360
_MARGIN: Final = 200
"""Around the circle, for names."""
_KEYS_AT: Final = (200.0,)
_MANY_KEYS_AT: Final = (190.0, 235.0, 280.0)
_KEYS_IN_ONE_CIRCLE: Final = 18
_COLOURS: Final = {
    LinkKind.DEVICE: "#2563eb",
    LinkKind.ADDRESS: "#059669",
    LinkKind.PAYMENT: "#d97706",
    LinkKind.REFERRAL: "#db2777",
}
_HUB: Final = "#9ca3af"
_PLAIN: Final = "#374151"
_MARKED: Final = "#dc2626"
_STYLE: Final = (
    "text{font-family:system-ui,sans-serif;fill:#111827}.n{font-size:10px}.m{font-size:12px;font-weight:700}.k{font-size:11px;fill:#fff}"
    ".h{font-size:20px;font-weight:600}.r{font-size:13px}.e{stroke-width:1.2;stroke-opacity:.55;fill:none}"
)


class _Spot(NamedTuple):
    x: float
    y: float
    angle: float


def drawn(ring: RingState, graph: Graph, found: Suspicion, marked: WalletId | None = None) -> str:
    """Return the picture of a ring, with the reasons against it; the wallet that is asked about stands out."""
    wallets, keys = _chosen(graph, marked)
    shown = {member.wallet_id for member in wallets}
    ties = [tie for tie in graph.ties if tie.wallet_id in shown and tie.key in keys]
    ordered = _ordered(wallets, ties, keys)
    spots = _circle(len(ordered), (_OUTER,))
    at = {member.wallet_id: spot for member, spot in zip(ordered, spots, strict=True)}
    key_at = _key_spots(ties, at)
    hubs = {tie.key for tie in ties if tie.hub}
    height = TOP + 2 * (_OUTER + _MARGIN) + 24 * (len(found.reasons) + 2)
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            f' aria-label="{_text(_title(ring, found))}">'
        ),
        f"<style>{_STYLE}</style>",
        (
            '<defs><marker id="a" viewBox="0 0 8 8" refX="14" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{_COLOURS[LinkKind.REFERRAL]}"/></marker></defs>'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="h" x="30" y="42">{_text(_title(ring, found))}</text>',
        *_edges(ties, at, key_at),
        *_arrows(graph.ties, at),
        *(_key_shape(key, spot, hub=key in hubs) for key, spot in sorted(key_at.items())),
        *(
            _wallet_shape(member, at[member.wallet_id], marked=member.wallet_id == marked)
            for member in ordered
        ),
        *_legend(),
        *_reasons(found, graph, len(ordered), height),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _chosen(graph: Graph, marked: WalletId | None) -> tuple[list[Member], set[Key]]:
    """Return the wallets and the shared keys that fit: the marked one, and those with the most links."""
    shared: dict[Key, int] = {}
    links: dict[WalletId, int] = {}
    for tie in graph.ties:
        if tie.key.kind is not LinkKind.REFERRAL:
            shared[tie.key] = shared.get(tie.key, 0) + 1
            links[tie.wallet_id] = links.get(tie.wallet_id, 0) + (tie.degree > 1)
    keys = sorted((key for key in shared if shared[key] > 1), key=lambda key: (-shared[key], key))
    wallets = sorted(
        graph.members, key=lambda m: (m.wallet_id != marked, -links.get(m.wallet_id, 0), m.wallet_id)
    )
    return wallets[:WALLETS_MAX], set(keys[:KEYS_MAX])


def _ordered(wallets: Sequence[Member], ties: Sequence[Tie], keys: set[Key]) -> list[Member]:
    """Return wallets such that those who share something stand together."""
    rank = {key: number for number, key in enumerate(sorted(keys))}
    of: dict[WalletId, list[int]] = {}
    for tie in ties:
        of.setdefault(tie.wallet_id, []).append(rank[tie.key])
    return sorted(wallets, key=lambda m: (sorted(of.get(m.wallet_id, [len(rank)])), m.wallet_id))


def _circle(number: int, radii: Sequence[float], turn: float = -math.pi / 2) -> list[_Spot]:
    """Return spots at equal distances, on one circle or on several by turns."""
    angles = [turn + 2 * math.pi * place / max(number, 1) for place in range(number)]
    return [_spot(angle, radii[place % len(radii)]) for place, angle in enumerate(angles)]


def _spot(angle: float, radius: float) -> _Spot:
    return _Spot(
        WIDTH / 2 + radius * math.cos(angle), TOP + _OUTER + _MARGIN + radius * math.sin(angle), angle
    )


def _key_spots(ties: Sequence[Tie], at: Mapping[WalletId, _Spot]) -> dict[Key, _Spot]:
    """Return where each key stands: on the side of its wallets, at equal distances; a single one in the middle."""
    towards: dict[Key, list[float]] = {}
    for tie in ties:
        x, y = towards.get(tie.key, [0.0, 0.0])
        angle = at[tie.wallet_id].angle
        towards[tie.key] = [x + math.cos(angle), y + math.sin(angle)]
    angles = {key: round(math.atan2(y, x), 6) for key, (x, y) in towards.items()}
    in_turn = sorted(angles, key=lambda key: (angles[key], key))
    if len(in_turn) == 1:
        return {in_turn[0]: _spot(0, 0)}
    first = angles[in_turn[0]] if in_turn else 0.0
    radii = _KEYS_AT if len(in_turn) <= _KEYS_IN_ONE_CIRCLE else _MANY_KEYS_AT
    return dict(zip(in_turn, _circle(len(in_turn), radii, first), strict=True))


def _edges(ties: Sequence[Tie], at: Mapping[WalletId, _Spot], key_at: Mapping[Key, _Spot]) -> list[str]:
    return [
        f'<path class="e" d="M{_at(at[tie.wallet_id])}L{_at(key_at[tie.key])}"'
        f' stroke="{_HUB if tie.hub else _COLOURS[tie.key.kind]}"{_DASHED if tie.hub else ""}/>'
        for tie in ties
    ]


_DASHED: Final = ' stroke-dasharray="3 4"'


def _arrows(ties: Sequence[Tie], at: Mapping[WalletId, _Spot]) -> list[str]:
    colour = _COLOURS[LinkKind.REFERRAL]
    return [
        f'<path class="e" d="M{_at(at[above])}Q{_at(_bent(at[above], at[wallet_id]))} {_at(at[wallet_id])}"'
        f' stroke="{colour}" marker-end="url(#a)"/>'
        for wallet_id, above in sorted(referred_by(ties).items())
        if wallet_id in at and above in at
    ]


def _bent(one: _Spot, other: _Spot) -> _Spot:
    """Return where an arrow bends to: half the way to the middle, so that those of neighbours stay at the rim."""
    middle = _spot(0, 0)
    x, y = (one.x + other.x) / 2, (one.y + other.y) / 2
    return _Spot((x + middle.x) / 2, (y + middle.y) / 2, 0.0)


def _key_shape(key: Key, spot: _Spot, *, hub: bool) -> str:
    colour = _HUB if hub else _COLOURS[key.kind]
    return (
        f'<rect x="{spot.x - 32:.1f}" y="{spot.y - 11:.1f}" width="64" height="22" rx="6" fill="{colour}">'
        f"<title>{key.kind.name.lower()} {key.text}</title></rect>"
        f'<text class="k" x="{spot.x:.1f}" y="{spot.y + 4:.1f}" text-anchor="middle">{key.text[:8]}</text>'
    )


def _wallet_shape(member: Member, spot: _Spot, *, marked: bool) -> str:
    name = member.customer_ref or member.wallet_id[:8]
    short = name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"
    left = math.cos(spot.angle) < 0
    turned = math.degrees(spot.angle) + (180 if left else 0)
    away = -13 if left else 13
    return (
        f'<circle cx="{spot.x:.1f}" cy="{spot.y:.1f}" r="{_radius(member.redeemed):.1f}"'
        f' fill="{_MARKED if marked else _PLAIN}">'
        f"<title>{_text(member.wallet_id)}: spent {member.redeemed}</title></circle>"
        f'<text class="{"m" if marked else "n"}" transform="translate({_at(spot)}) rotate({turned:.1f})" x="{away}" y="3"'
        f' text-anchor="{"end" if left else "start"}">{_text(short)}</text>'
    )


def _radius(redeemed: int) -> float:
    return 5 + min(math.log10(1 + max(redeemed, 0)), 6)


def _legend() -> list[str]:
    shown = []
    for number, (kind, colour) in enumerate([*_COLOURS.items(), (None, _HUB)]):
        name = "hub: shared by too many to count" if kind is None else kind.name.lower()
        x = 30 + 130 * number
        shown.append(
            f'<rect x="{x}" y="56" width="14" height="14" rx="3" fill="{colour}"/>'
            f'<text class="r" x="{x + 20}" y="68">{name}</text>'
        )
    return shown


def _reasons(found: Suspicion, graph: Graph, wallets: int, height: int) -> list[str]:
    said = [f"{reason.value}: {sentence}" for reason, sentence in found.reasons]
    if graph.wallets > wallets:
        said.append(f"{graph.wallets - wallets} more wallets are not shown")
    first = height - 24 * len(said)
    return [
        f'<text class="r" x="30" y="{first + 24 * number}">{_text(sentence)}</text>'
        for number, sentence in enumerate(said)
    ]


def _title(ring: RingState, found: Suspicion) -> str:
    return f"Ring of {ring.wallets} wallets, suspicion {found.points} of 100"


def _at(spot: _Spot) -> str:
    return f"{spot.x:.1f} {spot.y:.1f}"


def _text(text: str) -> str:
    """Return text that XML may hold: control characters become visible, the rest is escaped."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
