"""What a backtest reads: past events as rules saw them, in order of time; and what is recorded of customers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from shop import DAY, PROGRAM, START, Give, Rule, When, percent, ruleset
from test_refills import C1, CAPPED

from wallet_service.earning import history
from wallet_service.earning.history import History
from wallet_service.earning.model import EventKind, EventState
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.rules.beginning import Before, needed_since
from wallet_service.rules.model import KINDS, Profile
from wallet_service.rules.replay import Replay
from wallet_service.rules.ruleset import AttributeIs

BEGINS, ENDS = Instant(0), after(START, 86_400 * 3_650)


class Profiles:
    """Stands in for the segments and attributes that are recorded of customers."""

    def __init__(self, **profiles: Profile) -> None:
        self._profiles = profiles

    async def profiles_of(self, _program_id, refs, *, timeout_seconds):
        assert timeout_seconds > 0
        return {ref: self._profiles[ref] for ref in refs if ref in self._profiles}


async def pasts(shop, rules=None, begins=BEGINS, ends=ENDS):
    reading = History(shop.db.open_session, rules or Profiles()).pasts(PROGRAM, begins, ends, shop.soon())
    return [past async for past in reading]


async def test_events_come_in_order_of_time_whosever_they_are(shop, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    wallets = [await shop.customer(f"c{n}") for n in range(3)]
    told = [
        (
            wallets[n % 3],
            f"e{n}",
            replace(shop.purchase(f"o{n}", 10_000), occurred_at=after(shop.now, -n // 2)),
        )
        for n in range(7)
    ]
    await shop.tell_all(told)
    await shop.work()
    found = await pasts(shop)
    moments = [past.moment for past in found]
    assert moments == sorted(moments)
    assert sorted(past.basket.order_ref for past in found) == [f"o{n}" for n in range(7)]
    part = await pasts(shop, begins=after(shop.now, -2), ends=shop.now)
    assert {past.basket.order_ref for past in part} == {"o1", "o2", "o3", "o4"}


async def test_only_what_was_priced_is_replayed(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.tell(anna, "e2", shop.purchase("o1", 10_000), source="webhook")
    await shop.tell(anna, "r", shop.comes_back("o1", everything=True))
    await shop.work()
    await shop.tell(anna, "e3", shop.purchase("o3", 10_000))
    assert (await shop.event(anna, "e2", "webhook")).state is EventState.REJECTED
    assert [(past.basket.order_ref, past.recorded) for past in await pasts(shop)] == [("o1", 500)]


async def test_a_first_purchase_is_the_first_there_ever_was(shop):
    anna, ben = await shop.customer("anna"), await shop.customer("ben")
    for number in range(2):
        for wallet_id, name in ((anna, "a"), (ben, "b")):
            content = replace(shop.purchase(f"{name}{number}", 100), occurred_at=after(shop.now, number - 5))
            if (name, number) != ("b", 0):
                await shop.tell(wallet_id, f"{name}{number}", content)
    await shop.work()
    firsts = {past.basket.order_ref: past.customer.first_purchase for past in await pasts(shop)}
    assert firsts == {"a0": True, "a1": False, "b1": True}
    late = await pasts(shop, begins=after(shop.now, -4))
    assert {past.basket.order_ref: past.customer.first_purchase for past in late} == {"a1": False, "b1": True}


async def test_too_many_customers_are_refused_before_they_fill_the_memory(shop, monkeypatch):
    monkeypatch.setattr(history, "CUSTOMERS_MAX", 1)
    for name in ("anna", "ben"):
        await shop.tell(await shop.customer(name), name, shop.purchase(name, 100))
    await shop.work()
    (refused,) = await pasts(shop)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.BACKTEST_TOO_LARGE


@pytest.fixture
def gold() -> Rule:
    return Rule(
        rule_id="gold", title="Gold", give=Give(amount=70),
        when=When(attributes=(AttributeIs(name="card", values=("gold",)),)),
    )  # fmt: skip


async def test_what_is_recorded_of_a_customer_is_asked_and_what_comes_with_an_event_is_newer(shop, gold):
    shop.use(ruleset(percent(), gold))
    recorded = Profiles(anna=Profile(attributes={"card": "gold"}))
    shop.rules.profiles_of = recorded.profiles_of
    anna, ben = await shop.customer("anna"), await shop.customer("ben")
    await shop.tell(anna, "e1", shop.purchase("o1", 1_000))
    await shop.tell(anna, "e2", replace(shop.purchase("o2", 1_000), attributes={"card": "blue"}))
    await shop.tell(ben, "e3", shop.purchase("o3", 1_000))
    await shop.tell(ben, "e4", replace(shop.purchase("o4", 1_000), attributes={"card": "gold"}))
    await shop.work()
    amounts = [(await shop.event(who, name)).amount for who, name in ((anna, "e1"), (anna, "e2"))]
    amounts += [(await shop.event(ben, name)).amount for name in ("e3", "e4")]
    assert amounts == [120, 50, 50, 120]
    replayed = {past.basket.order_ref: past.customer.attributes for past in await pasts(shop, rules=recorded)}
    assert replayed == {"o1": {"card": "gold"}, "o2": {"card": "blue"}, "o3": {}, "o4": {"card": "gold"}}


def test_the_rules_know_every_kind_of_event_that_can_earn():
    assert {kind.name.lower() for kind in EventKind} - {"return"} == set(KINDS)


async def replayed_since(shop, begins):
    """Replay what happened from a moment on by the rules as they were."""
    past = History(shop.db.open_session, Profiles())
    since = needed_since([shop.rules.compiled], begins)
    before = await past.used_before(PROGRAM, since, begins, shop.soon()) if since is not None else Before()
    replay = Replay(shop.rules.compiled, lambda _: shop.rules.compiled, before, begins)
    async for each in past.pasts(PROGRAM, begins, ENDS, shop.soon()):
        replay.take(each)
    return replay.compared(5)


async def test_a_replay_that_begins_anywhere_gives_what_was_given(shop, monkeypatch):
    monkeypatch.setattr(history, "USES_PAGE", 3)
    shop.use(CAPPED, C1)
    people = [await shop.customer(name) for name in ("anna", "ben")]
    moments = []
    for n in range(9):
        moments.append(shop.now)
        await shop.tell(people[n % 2], f"e{n}", shop.purchase(f"o{n}", 1_300))
        await shop.work()
        await shop.wait(DAY // 3)
    given = [0]
    for begins in moments:
        found = await replayed_since(shop, begins)
        assert found.given.in_force == found.recorded
        given.append(found.recorded)
    # The caps and the budget did trim something.
    assert len(set(given)) > 3
    assert any(rule.trimmed.trial for rule in found.rules)


async def test_what_came_back_is_known_to_a_replay_before_and_after_it_begins(shop):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    for n in range(3):
        await shop.tell(anna, f"e{n}", shop.purchase(f"o{n}", 1_300))
        await shop.work()
        await shop.tell(anna, f"r{n}", shop.comes_back(f"o{n}", everything=True))
        await shop.work()
        await shop.wait(DAY)
    for begins in (BEGINS, after(START, 86_400), after(START, 2 * 86_400)):
        found = await replayed_since(shop, begins)
        assert found.given.in_force == found.recorded
        assert [each.used.in_force for day in found.days for each in day.campaigns] == [0] * found.events
