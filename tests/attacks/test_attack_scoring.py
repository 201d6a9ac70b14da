"""What a season proves, worked out by hand."""

from __future__ import annotations

from loadtest.attacks.acts import Act, Customer, From, Scene, What
from loadtest.fraud.score import Judged, additions, as_json, families, honest, settings, suffix
from loadtest.fraud.seen import Became, Moment, Outcome, Records

PLACE = From(device="phone")


def act(who: str, at: int, amount: int, attack: str = "") -> Act:
    return Act(at=at, who=who, what=What.REDEEM, place=PLACE, amount_minor=amount, attack=attack)


def outcome(each: Act, became: Became, amount: int = 0) -> Outcome:
    return Outcome(
        act=each, became=became, when=Moment(each.at, each.at), wanted_minor=each.amount_minor,
        committed_minor=amount,
    )  # fmt: skip


def judged(
    who: str, *reasons: str, attack: str = "", verdict: str = "REVIEW", shadows: tuple[str, ...] = ()
) -> Judged:
    said = reasons or ("MANY",)
    return Judged(who=who, attack=attack, verdict=verdict, reasons=said, shadows=shadows, when=None)


def town(*acts: Act) -> Scene:
    return Scene(
        customers=[
            Customer(who="anna", kind="household"),
            Customer(who="bert", kind="household"),
            *(Customer(who=who, kind="farm", attacker=True) for who in dict.fromkeys(a.who for a in acts if a.attack)),
        ],
        acts=list(acts),
    )  # fmt: skip


def test_a_wallet_is_stopped_in_time_before_a_twentieth_of_its_attack_was_committed():
    acts = [act(f"w{n}", n, 100, "farm/0") for n in range(40)]
    records = Records()
    records.outcomes = [
        outcome(each, Became.COMMITTED, 100) if n < 2 else outcome(each, Became.REFUSED)
        for n, each in enumerate(acts)
    ]
    (score,) = families(town(*acts), records, [])
    assert (score.wallets, score.found, score.in_time) == (40, 38, 0)
    records.outcomes[1] = outcome(acts[1], Became.REVIEWED)
    (score,) = families(town(*acts), records, [])
    assert (score.found, score.in_time, score.lost_minor, score.lost_before_minor) == (39, 39, 100, 100)
    assert score.value_minor == 4_000


def test_an_attack_of_which_nothing_was_seen_lost_everything_before_it_was_found():
    each = act("w", 1, 700, "alone/0")
    records = Records()
    records.outcomes = [outcome(each, Became.COMMITTED, 700)]
    (score,) = families(town(each), records, [])
    assert (score.found, score.lost_before_minor) == (0, 700)


def test_whoever_the_desk_froze_is_stopped_from_then_on():
    first, second = act("w", 1, 10, "alone/0"), act("w", 9, 990, "alone/0")
    records = Records()
    records.outcomes = [outcome(first, Became.COMMITTED, 10), outcome(second, Became.FROZEN)]
    records.frozen = {"w": Moment(5, 5)}
    (score,) = families(town(first, second), records, [])
    assert (score.in_time, score.lost_before_minor) == (1, 10)


def test_honest_customers_are_counted_once_however_often_they_suffer():
    acts = [act("anna", 1, 100), act("anna", 2, 100), act("bert", 3, 100)]
    records = Records()
    records.outcomes = [outcome(acts[0], Became.REFUSED), outcome(acts[1], Became.REFUSED)]
    (kind,) = honest(town(*acts), records, [judged("bert")])
    assert (kind.wallets, kind.refused, kind.reviewed) == (2, 1, 1)


def test_a_looser_setting_finds_what_its_shadow_named():
    each = act("w", 1, 700, "alone/0")
    records = Records()
    records.outcomes = [outcome(each, Became.REVIEWED)]
    said = [
        judged("w", attack="alone/0", shadows=("MANY" + suffix(2),)),
        judged("anna", verdict="ALLOW", shadows=("MANY" + suffix(0.5),)),
    ]
    strict, now, loose, looser = settings(town(each), records, said, (0.5, 1, 2, 4))
    assert (strict.recall, strict.honest) == (0, 1)
    assert (now.recall, now.precision, loose.recall) == (1, 1, 1)
    assert (looser.recall, looser.missed_minor) == (0, 700)


def test_what_is_below_its_target_is_said_by_name():
    each = act("w", 1, 700, "alone/0")
    records = Records()
    records.outcomes = [outcome(each, Became.COMMITTED, 700)]
    scene = town(each)
    report = as_json(families(scene, records, []), honest(scene, records, [judged("anna")]), [])
    assert report["below_target"] == ["alone", "honest reviewed"]


def test_what_a_limit_adds_is_whom_nothing_else_names():
    said = [
        judged("w1", "NEW", attack="alone/0"), judged("w2", "NEW", "MANY", attack="alone/0"), judged("anna", "NEW"),
        judged("bert", "MANY", shadows=("TRIED",)), judged("w3", attack="alone/0", verdict="ALLOW", shadows=("TRIED",)),
    ]  # fmt: skip
    real, tried = additions(Records(), said, ["NEW", "TRIED"])
    assert (real.attackers, real.attackers_more, real.honest, real.honest_more) == (2, 1, 1, 1)
    assert (tried.attackers, tried.attackers_more, tried.honest, tried.honest_more) == (1, 1, 1, 0)
    frozen = Records(frozen={"w3": Moment(5, 5)})
    frozen.outcomes = [outcome(act("w3", 9, 10, "alone/0"), Became.FROZEN)]
    assert additions(frozen, said, ["TRIED"])[0].attackers_more == 0


def test_look_alikes_are_told_apart_from_ordinary_households():
    scene = town(act("w", 1, 700, "alone/0"))
    scene.customers.append(Customer(who="carl", kind="traveller"))
    report = as_json([], honest(scene, Records(), [judged("anna"), judged("carl")]), [])["honest"]
    assert (report["reviewed_households"], report["reviewed_lookalikes"]) == (0.5, 1)
