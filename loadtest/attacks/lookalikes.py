"""Honest customers who look like something else. Whoever stops them loses them."""

from __future__ import annotations

import random
from typing import Final

from loadtest.attacks.acts import DAY, HOUR, MINUTE, WINDOW_DAYS, Act, Customer, From, Scene, Season, What

OPENING_MINOR: Final = (800, 4_000)
OWN_PHONE_SHARE: Final = 0.7
NEW_PHONE_SHARE: Final = 0.1
RETURNED_SHARE: Final = 0.6
HOME_VISITS: Final = 3


def families(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage two to five customers around one tablet, one address and one card; most have a phone of their own too."""
    scene = Scene()
    for number in range(count):
        for member in range(rng.randrange(2, 6)):
            who = f"family-{number}-{member}"
            scene.customers.append(_customer(rng, who, "family"))
            own = f"{who}-phone" if rng.random() < OWN_PHONE_SHARE else f"family-tablet-{number}"
            for visit in range(8):
                device = f"family-tablet-{number}" if visit % 2 else own
                place = From(device=device, address=f"family-home-{number}", payment=f"family-card-{number}")
                scene.acts += _visit(rng, who, visit, _day(rng, season), place, redeems=visit in {3, 7})
    return scene


def kiosks(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage forty customers at each of some kiosks that the shop put up, beside the phones that they have."""
    scene = Scene(kiosks=[f"kiosk-{number}" for number in range(count)])
    for number in range(count):
        for customer in range(40):
            who = f"kiosk-customer-{number}-{customer}"
            scene.customers.append(_customer(rng, who, "kiosk"))
            for visit in range(5):
                at_kiosk = visit % 2 == 1
                place = From(
                    device=f"kiosk-{number}" if at_kiosk else f"{who}-phone",
                    address=f"shop-{number}" if at_kiosk else f"{who}-home",
                    payment=f"{who}-card",
                )
                scene.acts += _visit(rng, who, visit, _day(rng, season), place, redeems=at_kiosk)
    return scene


def holiday_rush(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage customers who come four to six times on each of the two days before a feast, and pay with what they have."""
    scene = Scene()
    feast = season.attacked_from + (season.days - season.quiet_days) // 2 * DAY
    for number in range(count):
        who = f"rush-{number}"
        scene.customers.append(_customer(rng, who, "holiday rush"))
        place = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        scene.acts += _visit(rng, who, 0, rng.randrange(season.quiet_days), place, redeems=False)
        for day in range(2):
            at = feast + day * DAY + 8 * HOUR
            for visit in range(rng.randrange(4, 7)):
                at += rng.randrange(40 * MINUTE, 3 * HOUR)
                order = f"{who}-{day}-{visit}"
                if visit % 2:
                    wanted = rng.randrange(100, 600)
                    scene.acts.append(
                        Act(at=at, who=who, what=What.REDEEM, place=place, amount_minor=wanted, order=order)
                    )
                price = rng.randrange(2_000, 12_000)
                scene.acts.append(
                    Act(at=at + 1, who=who, what=What.PURCHASE, place=place, amount_minor=price, order=order)
                )
    return scene


def travellers(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage customers who pay from other addresses at other hours, some of them with a phone bought on the way."""
    scene = Scene()
    for number in range(count):
        who = f"traveller-{number}"
        scene.customers.append(_customer(rng, who, "traveller"))
        for visit in range(HOME_VISITS):
            place = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
            scene.acts += _visit(rng, who, visit, rng.randrange(season.quiet_days), place, redeems=visit == 1)
        away = season.attacked_from // DAY + rng.randrange(season.days - season.quiet_days - 6)
        new = rng.random() < NEW_PHONE_SHARE
        for visit in range(HOME_VISITS, 2 * HOME_VISITS):
            place = From(
                device=f"{who}-phone-{'new' if new else ''}", address=f"hotel-{rng.randrange(count * 3)}",
                payment=f"{who}-card",
            )  # fmt: skip
            if not new:
                place = From(device=f"{who}-phone", address=place.address, payment=place.payment)
            # Whoever travels buys first; what is spent from the new phone comes days later.
            scene.acts += _visit(
                rng,
                who,
                visit,
                away + (visit - HOME_VISITS) * 2,
                place,
                redeems=visit > HOME_VISITS,
                hour=rng.randrange(24),
            )
    return scene


def generous_returners(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage customers who order much, keep a part, send the rest back, and are the shop's best customers all the same."""
    scene = Scene()
    for number in range(count):
        who = f"returner-{number}"
        scene.customers.append(_customer(rng, who, "generous returner"))
        place = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        for visit in range(12):
            at = rng.randrange(season.days - 3) * DAY + rng.randrange(9 * HOUR, 20 * HOUR)
            order = f"{who}-{visit}"
            price = rng.randrange(8_000, 30_000)
            scene.acts.append(
                Act(at=at, who=who, what=What.PURCHASE, place=place, amount_minor=price, order=order)
            )
            if rng.random() < RETURNED_SHARE:
                scene.acts.append(Act(at=at + 2 * DAY, who=who, what=What.RETURN, place=place, order=order))
            elif visit % 3 == 0:
                wanted = rng.randrange(200, 900)
                scene.acts.append(
                    Act(at=at + HOUR, who=who, what=What.REDEEM, place=place, amount_minor=wanted)
                )
    return scene


def newcomers(rng: random.Random, season: Season, count: int) -> Scene:
    """Stage customers who join in the days of attacks, buy some dear things, and spend all they have at once.

    At home or from work. Everything of theirs is new, and nothing is wrong with it.
    """
    scene = Scene()
    for number in range(count):
        who = f"newcomer-{number}"
        scene.customers.append(Customer(who=who, kind="newcomer"))
        home = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        work = From(device=home.device, address=f"office-{rng.randrange(count)}", payment=home.payment)
        joined = season.start(rng, days=10) // DAY * DAY + rng.randrange(8 * HOUR, 20 * HOUR)
        scene.acts.append(Act(at=joined, who=who, what=What.SIGNUP, place=home))
        for thing in range(rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 2, 3))):
            at = joined + thing * DAY + rng.randrange(HOUR, 6 * HOUR)
            price = rng.randrange(4_000, 50_000)
            scene.acts.append(
                Act(
                    at=at, who=who, what=What.PURCHASE, place=home, amount_minor=price, order=f"{who}-{thing}"
                )
            )
        spent = joined + rng.randrange((WINDOW_DAYS + 1) * DAY, 9 * DAY)
        scene.acts.append(
            Act(at=spent, who=who, what=What.REDEEM, place=rng.choice((home, work)), order=f"{who}-spent")
        )
    return scene


def _customer(rng: random.Random, who: str, kind: str) -> Customer:
    return Customer(who=who, kind=kind, opening_minor=rng.randrange(*OPENING_MINOR))


def _day(rng: random.Random, season: Season) -> int:
    return rng.randrange(season.days - 1)


def _visit(
    rng: random.Random,
    who: str,
    number: int,
    day: int,
    place: From,
    *,
    redeems: bool,
    hour: int | None = None,
) -> list[Act]:
    """Stage one visit: a basket, paid in part with what the wallet has."""
    at = day * DAY + (rng.randrange(9, 20) if hour is None else hour) * HOUR + rng.randrange(HOUR)
    price = rng.randrange(1_500, 9_000)
    order = f"{who}-visit-{number}"
    acts = [Act(at=at, who=who, what=What.PURCHASE, place=place, amount_minor=price, order=order)]
    if redeems:
        wanted = rng.randrange(100, 1_200)
        acts.insert(0, Act(at=at, who=who, what=What.REDEEM, place=place, amount_minor=wanted, order=order))
    return acts
