"""The shop's side of the replay: wallets, events, redemptions, through the public API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import grpc
from wallet.v1 import earning_pb2, earning_pb2_grpc, types_pb2
from wallet.v1.types_pb2 import Device
from wallet.v1.wallet_pb2 import Accountability
from wallet_client import (
    AsyncWalletClient,
    Hold,
    Order,
    Program,
    ProgramMode,
    RedemptionPolicy,
    new_id,
)

from loadtest.attacks.acts import DAY, WINDOW_DAYS, Act, Customer, From, What, family_of
from loadtest.attacks.cycling import CASHBACK_BP
from loadtest.attacks.farms import WELCOME_MINOR
from loadtest.attacks.referrals import REFERRAL_MINOR
from loadtest.attacks.town import REDEMPTION_MIN_MINOR

ACTOR: Final = "fraud report"
WHY: Final = "a town under attack"
CURRENCY: Final = "EUR"
EVENTS_AT_ONCE: Final = 500
CALL_SECONDS: Final = 30.0
CALM_GRAIN_SECONDS: Final = 3_600
"""What honest customers do within it is played at one moment, for the clock is set by a call each time."""
EVENT_GRAIN_SECONDS: Final = 1_800
"""The same of attackers."""
BRISK: Final = {"scripts": 10, "credentials": 60, "splitting": 600}
"""Families whose redemptions follow closely on each other."""
RULES: Final = {
    "time_zone": "UTC",
    "rules": [
        {"rule_id": "base", "title": "2 % on everything", "give": {"basis_points": CASHBACK_BP}},
        {
            "rule_id": "welcome",
            "title": "5.00 to begin with",
            "when": {"kinds": ["signup"]},
            "give": {"amount": WELCOME_MINOR},
        },
        {
            "rule_id": "friend",
            "title": "5.00 for a friend",
            "when": {"kinds": ["referral"]},
            "give": {"amount": REFERRAL_MINOR},
        },
    ],
}


@dataclass(slots=True)
class Till:
    """One program, played by one caller."""

    client: AsyncWalletClient
    channel: grpc.aio.Channel
    token: str
    program_id: str
    began: datetime
    wallets: dict[str, str] = field(default_factory=dict)
    """Wallet ids by customer."""
    events: dict[str, Act] = field(default_factory=dict)
    """Acts by the ids of the events that told of them."""
    tried: dict[str, Act] = field(default_factory=dict)
    """Acts by the ids of the reservations that they asked for."""

    async def open(self, customers: Sequence[Customer]) -> None:
        """Make the program with its rules."""
        await self.client.admin.put_program(_program(self.program_id), actor=ACTOR, reason=WHY)
        await self.advance(0)
        await self.client.rules.put_draft(self.program_id, "d", json.dumps(RULES), actor=ACTOR, reason=WHY)
        await self.client.rules.publish(self.program_id, "d", expected_version=0, actor=ACTOR, reason=WHY)
        policy = earning_pb2.EarningPolicy(return_window_seconds=WINDOW_DAYS * DAY)
        await self._earning().PutEarningPolicy(
            earning_pb2.PutEarningPolicyRequest(
                program_id=self.program_id, policy=policy, accountability=Accountability(actor=ACTOR, reason=WHY)
            ),
            metadata=self._metadata(), timeout=CALL_SECONDS,
        )  # fmt: skip
        for customer in customers:
            self.wallets[customer.who] = ""

    async def welcome(self, customer: Customer) -> None:
        """Open a customer's wallet with what was brought over."""
        wallet = await self.client.wallet.open(self.program_id, customer.who)
        self.wallets[customer.who] = wallet.wallet_id
        if customer.opening_minor:
            await self.client.wallet.adjust(
                wallet.wallet_id, customer.opening_minor, actor=ACTOR, reason="brought over"
            )

    def moment(self, second: int) -> datetime:
        """Return a second of the season as a moment."""
        return self.began + timedelta(seconds=second)

    def second(self, moment: datetime) -> int:
        """Return a moment as a second of the season."""
        return int((moment - self.began).total_seconds())

    async def advance(self, second: int) -> None:
        """Set the program's clock."""
        await self.client.admin.advance_clock(
            self.program_id, self.moment(second), actor=ACTOR, reason="time passes"
        )

    async def tell(self, acts: Sequence[Act], now: int) -> list[Act]:
        """Record events; returns what was not taken in."""
        refused: list[Act] = []
        for start in range(0, len(acts), EVENTS_AT_ONCE):
            told = acts[start : start + EVENTS_AT_ONCE]
            response = await self._earning().RecordEvents(
                earning_pb2.RecordEventsRequest(events=[self._event(act, now) for act in told]),
                metadata=self._metadata(), timeout=CALL_SECONDS,
            )  # fmt: skip
            for act, outcome in zip(told, response.outcomes, strict=True):
                if outcome.HasField("refusal"):
                    refused.append(act)
                else:
                    self.events[outcome.recorded.event_id] = act
        return refused

    async def reserve(self, act: Act, amount_minor: int) -> Hold:
        """Hold what an order is to be paid with."""
        order = Order(order_ref=act.order or new_id(), total_minor=amount_minor, currency=CURRENCY)
        reservation_id = new_id()
        self.tried[reservation_id] = act
        return await self.client.checkout.reserve(
            self.wallets[act.who], amount_minor, order, device=_device(act.place, self.began),
            payment_method_hash=act.place.payment, reservation_id=reservation_id,
        )  # fmt: skip

    async def available(self, who: str) -> int:
        """Return what a customer may spend."""
        return (await self.client.wallet.get(self.wallets[who])).balance.available_minor

    def _event(self, act: Act, now: int) -> earning_pb2.EarnEvent:
        event = earning_pb2.EarnEvent(
            wallet=types_pb2.WalletRef(wallet_id=self.wallets[act.who]), source="till", source_event_id=new_id(),
            device=_device(act.place, self.began),
        )  # fmt: skip
        event.occurred_at.FromDatetime(self.moment(now))
        match act.what:
            case What.PURCHASE:
                line = earning_pb2.OrderLine(sku="basket", quantity=1, unit_price_minor=act.amount_minor)
                event.purchase.MergeFrom(
                    earning_pb2.PurchaseEvent(
                        order_ref=act.order,
                        currency=CURRENCY,
                        lines=[line],
                        payment_method_hash=act.place.payment,
                    )
                )
            case What.RETURN:
                event.returned.MergeFrom(
                    earning_pb2.ReturnEvent(
                        order_ref=act.order, return_ref=f"{act.order}-back", everything=True,
                        stage=earning_pb2.RETURN_STAGE_ACCEPTED,
                    )
                )  # fmt: skip
            case What.SIGNUP | What.REFERRAL | What.REDEEM:
                referral = act.what is What.REFERRAL
                kind = earning_pb2.EVENT_KIND_REFERRAL if referral else earning_pb2.EVENT_KIND_SIGNUP
                event.action.MergeFrom(earning_pb2.ActionEvent(kind=kind, subject=act.subject))
        return event

    def _earning(self) -> earning_pb2_grpc.EarningServiceAsyncStub:
        return earning_pb2_grpc.EarningServiceStub(self.channel)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.channel.close()


def slots(acts: Sequence[Act]) -> Iterator[tuple[int, list[Act]]]:
    """Yield acts by the moment at which they are played: of calm ones some minutes are one moment."""
    placed = sorted(((played_at(act), act) for act in acts), key=lambda each: each[0])
    start = 0
    while start < len(placed):
        end = start
        while end < len(placed) and placed[end][0] == placed[start][0]:
            end += 1
        yield placed[start][0], [act for _, act in placed[start:end]]
        start = end


def played_at(act: Act) -> int:
    """Return the second at which an act is played."""
    return act.at // _grain(act) * _grain(act)


def _grain(act: Act) -> int:
    if not act.attack:
        return CALM_GRAIN_SECONDS
    if act.what is not What.REDEEM:
        return EVENT_GRAIN_SECONDS
    return BRISK.get(family_of(act.attack), EVENT_GRAIN_SECONDS)


def _device(place: From, began: datetime) -> Device:
    device = Device(fingerprint=place.device, address=place.address)
    if place.credentials_at is not None:
        device.credentials_changed_at.FromDatetime(began + timedelta(seconds=place.credentials_at))
    return device


def _program(program_id: str) -> Program:
    return Program(
        program_id=program_id, display_name="A town under attack", mode=ProgramMode.PROGRAM_MODE_SANDBOX,
        asset=CURRENCY, exponent=2, currency=CURRENCY, rate_numerator=1, rate_denominator=1,
        redemption=RedemptionPolicy(
            minimum_redemption_minor=REDEMPTION_MIN_MINOR, maximum_share_bp=10_000, step_minor=1, quote_ttl_seconds=300,
            reservation_ttl_seconds=900, reservation_ttl_seconds_max=172_800, open_reservations_max=64,
        ),
    )  # fmt: skip
