"""Attacks are staged by seed, and every act says whether it is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from loadtest.attacks.acts import DAY, Season, What, family_of
from loadtest.attacks.journey import Visit
from loadtest.attacks.town import FAMILIES, SMALL, Size, populate

SEASON = Season(days=30, quiet_days=10)
BEGAN = datetime(2017, 1, 1, 9, tzinfo=UTC)
VISITS = [
    Visit(household=n % 60, number=n, at=BEGAN + timedelta(hours=n), total_minor=2_000 + n)
    for n in range(600)
]


def test_the_same_seed_stages_the_same_and_another_something_else():
    once = populate(VISITS, SEASON, 1, SMALL)
    assert once == populate(VISITS, SEASON, 1, SMALL)
    assert once.acts != populate(VISITS, SEASON, 2, SMALL).acts


def test_every_family_is_staged_and_labelled():
    scene = populate(VISITS, SEASON, 1, replace(SMALL, slow_farms=1))
    assert {family_of(act.attack) for act in scene.acts if act.attack} == set(FAMILIES)
    attackers = {customer.who for customer in scene.customers if customer.attacker}
    stolen = {act.who for act in scene.acts if act.attack} - attackers
    assert stolen
    for act in scene.acts:
        assert not act.attack or act.who in attackers | stolen
        if act.what is What.REDEEM and act.who in attackers:
            assert act.attack, f"{act} is no honest one's"


def test_nobody_attacks_before_the_quiet_days_are_over():
    scene = populate(VISITS, SEASON, 3, SMALL)
    assert min(act.at for act in scene.acts if act.attack) >= SEASON.quiet_days * DAY


def test_another_number_of_one_family_changes_nothing_of_the_others():
    def others(splitters: int):
        scene = populate(VISITS, SEASON, 1, replace(SMALL, splitters=splitters))
        return [act for act in scene.in_order() if not act.who.startswith("splitter-")]

    assert others(2) == others(5)


def test_a_device_farm_is_forty_wallets_on_one_device():
    scene = populate(VISITS, SEASON, 1, Size(farms=2))
    farm = [act for act in scene.acts if act.attack == "device-farm/1"]
    assert len({act.who for act in farm}) == 40
    assert len({act.place.device for act in farm}) == 1


def test_a_circle_of_referrals_closes_and_a_chain_does_not():
    scene = populate(VISITS, SEASON, 1, SMALL)
    for family, closes in (("referral-ring", True), ("referral-chain", False)):
        above = {
            act.who: act.subject
            for act in scene.acts
            if family_of(act.attack) == family and act.what is What.REFERRAL
        }
        assert (set(above) == set(above.values())) is closes


def test_pieces_stay_below_what_a_person_looks_at_and_a_script_is_fast():
    scene = populate(VISITS, SEASON, 1, SMALL)
    pieces = [act for act in scene.acts if family_of(act.attack) == "splitting"]
    assert max(act.amount_minor for act in pieces) < 5_000
    script = sorted(act.at for act in scene.acts if family_of(act.attack) == "scripts")
    assert script[-1] - script[0] < 20 * 60
    assert len(script) >= 100


def test_one_thief_in_ten_is_at_his_victims_own_address():
    scene = populate(VISITS, SEASON, 1, replace(SMALL, takeovers=20))
    homes = {
        act.who: act.place.address for act in scene.acts if not act.attack and "home" in act.place.address
    }
    thefts = {act.attack: act for act in scene.acts if family_of(act.attack) == "takeover"}
    at_home = [attack for attack, act in thefts.items() if act.place.address == homes[act.who]]
    assert at_home == ["takeover/9", "takeover/19"]
    assert all(act.place.device.startswith("thief-") for act in thefts.values())


def test_newcomers_spend_all_they_have_once_they_have_bought():
    scene = populate(VISITS, SEASON, 1, replace(SMALL, joining=20))
    acts = [act for act in scene.in_order() if act.who.startswith("newcomer-")]
    for who in {act.who for act in acts}:
        kinds = [act.what for act in acts if act.who == who]
        assert (kinds[0], kinds[-1]) == (What.SIGNUP, What.REDEEM)
        assert set(kinds[1:-1]) == {What.PURCHASE}
