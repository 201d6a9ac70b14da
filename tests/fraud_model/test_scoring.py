"""What a score is: the place among what was seen, the same in every version, with what makes it so."""

from __future__ import annotations

import math

import msgspec
import pytest
from people import DAY, NOW, examples, wallet_of

from wallet_service.fraud.anomaly.calibration import TooFew
from wallet_service.fraud.anomaly.features import NAMES, NotFinite, after, checked, features_of
from wallet_service.fraud.anomaly.forest import Forest, Malformed, Scorer, read, written
from wallet_service.fraud.anomaly.learner import new_learner, resumed
from wallet_service.fraud.anomaly.measuring import area
from wallet_service.fraud.anomaly.model import Attempt, Example, Profile, Shape
from wallet_service.fraud.anomaly.training import fitted, metrics_of
from wallet_service.kernel.clock import Instant

HALVES = (0.5,) * len(NAMES)
SMALL = Shape(trees=5, height=4, window=300, seed=3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.001, 1.001])
@pytest.mark.parametrize("place", [0, 4, len(NAMES) - 1])
def test_a_feature_that_is_no_share_is_refused(value, place):
    with pytest.raises(NotFinite, match=NAMES[place]):
        checked((*HALVES[:place], value, *HALVES[place + 1 :]))


def test_too_few_or_too_many_features_are_refused():
    for values in ((), HALVES[1:], (*HALVES, 0.5)):
        with pytest.raises(NotFinite):
            checked(values)


@pytest.mark.parametrize(
    "profile",
    [
        Profile(opened_at=Instant(0), available=0),
        Profile(opened_at=NOW, available=-5_000),
        Profile(opened_at=Instant(0), available=1, redemptions=10**9, sum_log=1e-300, sum_squares=0.0),
        Profile(opened_at=Instant(NOW + DAY), available=10, recent=(Instant(NOW + DAY),) * 3),
        Profile(opened_at=Instant(0), available=100, redemptions=5, sum_log=1e308, sum_squares=1e308),
    ],
)
@pytest.mark.parametrize("amount", [1, 10**15])
def test_features_are_shares_whatever_the_history(profile, amount):
    attempt = Attempt(wallet_id=wallet_of(1, 1), amount=amount, at=NOW, devices=("d",))
    try:
        assert len(features_of(profile, attempt)) == len(NAMES)
    except NotFinite:
        assert profile.sum_log > 1e300  # no history that anybody could have


def test_a_history_that_is_no_number_is_refused():
    profile = Profile(opened_at=NOW, available=10, redemptions=5, sum_log=math.nan)
    with pytest.raises(NotFinite):
        features_of(profile, Attempt(wallet_id=wallet_of(1, 1), amount=1, at=NOW))


def test_each_feature_says_what_its_name_says():
    profile = Profile(opened_at=Instant(NOW - 100 * DAY), available=1_000)
    for days in range(10, 0, -1):
        attempt = Attempt(
            wallet_id=wallet_of(1, 1), amount=100, at=Instant(NOW - days * DAY), devices=("phone",)
        )
        profile = after(profile, attempt, 1_000)

    def seen(**changes) -> dict[str, float]:
        attempt = Attempt(
            **{"wallet_id": wallet_of(1, 1), "amount": 100, "at": NOW, "devices": ("phone",)} | changes
        )
        return dict(zip(NAMES, features_of(profile, attempt), strict=True))

    usual = seen()
    assert usual["share_of_balance"] == pytest.approx(0.1)
    assert usual["amount_against_history"] == pytest.approx(0.5)
    assert usual["unusual_hour"] < 0.15
    assert seen(at=Instant(NOW + DAY // 2))["unusual_hour"] > 0.9
    assert seen(amount=1_000)["amount_against_history"] > 0.95
    assert seen(amount=1_000)["share_of_balance"] == 1
    assert seen(devices=("other",))["device_age"] == 0
    assert seen(devices=())["device_age"] == 0.5
    # The hash of a known device under the key before counts as well.
    assert seen(devices=("new hash", "phone"))["device_age"] == usual["device_age"] > 0.5
    assert seen(at=Instant(NOW + 90 * DAY))["days_since_last"] > usual["days_since_last"]


def test_a_flood_of_devices_does_not_make_the_customers_own_look_new():
    profile = Profile(opened_at=Instant(0), available=1_000)
    for number in range(100):
        attempt = Attempt(
            wallet_id=wallet_of(1, 1), amount=1, at=Instant(NOW + number), devices=(f"d{number}",)
        )
        profile = after(profile, attempt, 1_000)
    assert profile.devices[0] == ("d0", NOW)
    assert len(profile.devices) == 16


def test_what_scores_computes_what_the_learner_would(past):
    learner = new_learner(SMALL)
    for example in past[:1_000]:
        learner.learn(example.features)
    scorer = Scorer(learner.forest(), 1)
    for example in past[1_000:1_300]:
        assert scorer.raw(example.features) == pytest.approx(learner.score(example.features), abs=1e-12)


def test_a_learner_that_goes_on_from_a_model_learns_what_it_would_have_learnt(past):
    whole, half = new_learner(SMALL), new_learner(SMALL)
    for example in past[:450]:
        whole.learn(example.features)
        half.learn(example.features)
    rest = resumed(read(written(fitted_by(half, past))))
    for example in past[450:900]:
        whole.learn(example.features)
        rest.learn(example.features)
    assert rest.forest().trees == whole.forest().trees


def fitted_by(learner, past: list[Example]) -> Forest:
    return msgspec.structs.replace(learner.forest(), usual=HALVES)


def test_the_same_seed_on_the_same_history_is_the_same_model_to_the_byte(past):
    one, two = (written(fitted(new_learner(SMALL), past[:900])) for _ in range(2))
    assert one == two
    assert one != written(fitted(new_learner(msgspec.structs.replace(SMALL, seed=4)), past[:900]))


def test_takeovers_score_high_and_say_why_on_people_never_seen(forest):
    new = examples(12)
    metrics = metrics_of(forest, new)
    assert metrics.auc is not None
    assert metrics.auc > 0.97
    assert metrics.false_at_990 is not None
    assert metrics.false_at_990 < 0.03
    scorer = Scorer(forest, 1)
    thefts = [scorer.score(example.features) for example in new if example.fraud]
    why = [name for theft in thefts for name in theft.reasons]
    assert why.count("device_age") > len(thefts) * 0.8
    assert all(0 < each.share <= 1_000 for theft in thefts for each in theft.because)


@pytest.mark.parametrize("shape", [Shape(seed=5), Shape(trees=15, height=5, window=1_000, seed=9)])
def test_a_threshold_means_the_same_after_retraining(past, shape):
    """A share of a hundredth is a hundredth, whatever the size and the cuts of the trees."""
    retrained = fitted(new_learner(shape), past)
    scorer = Scorer(retrained, 1)
    scores = [scorer.score(e.features).score for e in examples(13, stolen=0)]
    for bound in (500, 900, 950, 990):
        assert sum(s >= bound for s in scores) / len(scores) == pytest.approx(1 - bound / 1_000, abs=0.03)


def test_what_is_usual_needs_no_explanation(forest):
    usual = Scorer(forest, 7).score(forest.usual)
    assert usual.score < 900
    assert (usual.because, usual.version) == ((), 7)
    assert Scorer(forest, 7).explained(forest.usual, 1.0) == ()


def test_too_little_history_makes_no_model(past):
    with pytest.raises(TooFew):
        fitted(new_learner(SMALL), past[:100])


def changed(forest: Forest, **changes) -> bytes:
    return written(msgspec.structs.replace(forest, **changes))


def test_a_document_that_is_no_model_is_refused(forest):
    tree = forest.trees[0]

    def with_tree(**changes) -> bytes:
        return changed(forest, trees=(msgspec.structs.replace(tree, **changes), *forest.trees[1:]))

    bad = [
        b"", b"{}", b"\x80\x04", b"[" * 100_000, written(forest)[:-1], b"x" * (9 << 20),
        written(forest).replace(b'"window":2000', b'"window":NaN'), changed(forest, names=("amount",)),
        changed(forest, trees=()), changed(forest, trees=forest.trees * 5), changed(forest, height=60),
        changed(forest, window=0), changed(forest, points=(0.5, 0.1)), changed(forest, points=(7.0,)), changed(forest, points=(0.5,) * 500),
        changed(forest, usual=(0.5,)), with_tree(cuts=tree.cuts[1:]), with_tree(features=[99] * len(tree.features)),
        with_tree(features=[-1] * len(tree.features)), with_tree(weights=[-1] * len(tree.weights)),
        with_tree(cuts=[2.0] * len(tree.cuts)), with_tree(weights=[10**9] * len(tree.weights)),
    ]  # fmt: skip
    for document in bad:
        with pytest.raises(Malformed):
            read(document)
    assert read(written(forest)) == forest


def test_the_area_counts_a_tie_as_half():
    assert area([1, 1], [0, 1]) == 0.75
    assert area([5], [1, 2, 3]) == 1
    assert area([0], [1, 2]) == 0
    assert area([], [1]) is None
    assert area([1], []) is None
