"""Customers are warned ahead of an expiry, once; wallets in which nothing happens lose what was promised to last."""

from __future__ import annotations

from msgspec.structs import replace
from shop import DAY, PROGRAM, Policy, Shop, together

from wallet_service.earning.expiry import idle_of
from wallet_service.earning.lookout import Lookout
from wallet_service.earning.model import DAY_SECONDS, ExpiryKind
from wallet_service.earning.store import ahead
from wallet_service.kernel.clock import Instant
from wallet_service.ledger import commands as say
from wallet_service.ledger.model import Order

FIRST = (Instant(0), "00000000-0000-0000-0000-000000000000")
WEEK, MONTH = 7 * DAY_SECONDS, 30 * DAY_SECONDS
ROLLING = Policy(
    return_window_seconds=0, expiry=ExpiryKind.ROLLING, expires_after_seconds=100 * DAY_SECONDS,
    warn_before_seconds=(MONTH, WEEK), time_zone="UTC",
)  # fmt: skip
IDLE = Policy(
    return_window_seconds=0, expiry=ExpiryKind.INACTIVITY, inactivity_days=365, warn_before_seconds=(MONTH,)
)


async def put(shop: Shop, policy: Policy) -> None:
    done = await shop.earning.put_policy(PROGRAM, policy, None, "t", "t", shop.soon())
    assert isinstance(done, Policy), done


async def look(shop: Shop) -> Lookout:
    lookout = Lookout(shop.db, shop.ledger, shop.policies, pause_seconds=0)
    await shop._as_owner("update earning.lookout set ended_at = '1970-01-01', began_at = '1970-01-01'")
    await lookout.run()
    return lookout


async def earn(shop: Shop, name: str, order: str, price: int = 10_000) -> str:
    wallet_id = await shop.customer(name)
    await shop.tell(wallet_id, f"{name}-{order}", shop.purchase(f"{name}-{order}", price))
    await shop.work()
    return wallet_id


async def warned(shop: Shop, of: str = PROGRAM, position=FIRST, limit: int = 100):
    found = await shop.earning.warnings(of, position, limit, shop.soon(), by_wallet=of != PROGRAM)
    assert isinstance(found, list)
    return found


def days(moment: int, shop: Shop) -> float:
    return (moment - shop.now) / DAY


async def test_each_time_ahead_of_an_expiry_is_told_once_and_names_the_customer(shop):
    await put(shop, ROLLING)
    anna = await earn(shop, "anna", "o1")
    assert (await look(shop)).warned == 0
    await shop.wait(80 * DAY)
    assert [(await look(shop)).warned for _ in range(3)] == [1, 0, 0]
    await shop.wait(15 * DAY)
    assert [(await look(shop)).warned for _ in range(2)] == [1, 0]
    first, second = await warned(shop)
    assert (first.wallet_id, first.customer_ref, first.amount, first.inactivity) == (anna, "anna", 500, False)
    assert (first.before_seconds, second.before_seconds) == (MONTH, WEEK)
    assert (
        first.expires_at
        == second.expires_at
        == (await shop.ledger.loaded(anna, 0)).wallet.available_lots[0][0]
    )
    assert 5 <= days(second.expires_at, shop) <= 6
    assert second.warned_at == shop.now
    await shop.wait(10 * DAY)
    assert (await look(shop)).warned == 0
    await shop.is_sound()


async def test_of_several_times_that_have_come_only_the_last_is_told(shop):
    await put(shop, ROLLING)
    await earn(shop, "anna", "o1")
    await shop.wait(98 * DAY)
    await look(shop)
    assert [warning.before_seconds for warning in await warned(shop)] == [WEEK]


async def test_nobody_is_warned_of_what_is_spent_or_pending_or_in_another_program(shop):
    await put(shop, ROLLING)
    anna, bert = await earn(shop, "anna", "o1"), await earn(shop, "bert", "o1", 20_000)
    await put(shop, replace(ROLLING, return_window_seconds=90 * DAY_SECONDS))
    await earn(shop, "carl", "o1")
    await shop.pay(anna, "o2", 500)
    await shop.wait(80 * DAY)
    await look(shop)
    assert {warning.wallet_id: warning.amount for warning in await warned(shop)} == {bert: 1_000}


async def test_warnings_are_read_page_by_page_from_a_moment_on_and_by_wallet(shop):
    await put(shop, ROLLING)
    people = [await earn(shop, f"c{n}", "o1") for n in range(5)]
    await shop.wait(80 * DAY)
    await look(shop)
    before = shop.now
    await shop.wait(15 * DAY)
    await look(shop)
    seen, position = [], FIRST
    while page := await warned(shop, position=position, limit=3):
        seen += page
        position = (page[-1].warned_at, page[-1].warning_id)
    assert len({warning.warning_id for warning in seen}) == len(seen) == 10
    assert [w.warned_at for w in seen] == sorted(w.warned_at for w in seen)
    late = await warned(shop, position=(Instant(before + 1), FIRST[1]))
    assert {warning.before_seconds for warning in late} == {WEEK}
    assert [w.before_seconds for w in await warned(shop, people[2])] == [MONTH, WEEK]
    refused = await shop.earning.warnings("nobody", FIRST, 1, shop.soon(), by_wallet=False)
    assert refused.reason.name == "PROGRAM_NOT_FOUND"


async def test_value_expires_when_nothing_happened_for_so_long_and_activity_puts_it_off(shop):
    await put(shop, IDLE)
    anna, bert, carl = [await earn(shop, name, "o1") for name in ("anna", "bert", "carl")]
    await shop.wait(340 * DAY)
    assert (await look(shop)).warned == 3
    (warning, *_) = await warned(shop)
    assert (warning.inactivity, warning.amount, days(warning.expires_at, shop)) == (True, 500, 25)
    await earn(shop, "anna", "o2", 2_000)
    await shop.pay(bert, "o3", 100)
    await shop.wait(25 * DAY)
    assert (await look(shop)).idle_expired == 1
    assert [(await shop.balance(one))[1] for one in (anna, bert, carl)] == [600, 400, 0]
    (entry,) = await shop.db.fetch(
        "select kind, amount, detail from ledger.entry where wallet_id = $1 and kind = 7",
        carl,
        timeout_seconds=5,
    )
    assert entry["amount"] == 500
    assert "365 days" in entry["detail"]
    await shop.wait(340 * DAY)
    assert (await look(shop)).idle_expired == 2
    assert [(await shop.balance(one))[1] for one in (anna, bert, carl)] == [0, 0, 0]
    await shop.is_sound()


async def test_a_wallet_that_is_redeemed_while_it_is_judged_does_not_expire(shop):
    await put(shop, IDLE)
    anna = await earn(shop, "anna", "o1")
    await shop.wait(400 * DAY)
    policies = shop.policies.looking_ahead()
    (standing,), _ = await ahead.read_standings(shop.db, FIRST[1], 100, policies, timeout_seconds=5)
    await shop.pay(anna, "o2", 1)
    lookout = Lookout(shop.db, shop.ledger, shop.policies)
    idle = idle_of(standing, policies[PROGRAM])
    assert idle is not None
    await lookout._expire([idle])
    assert (await shop.balance(anna))[1] == 499
    await shop.is_sound()


async def test_time_before_a_policy_of_inactivity_was_put_in_force_does_not_count(shop):
    await put(shop, Policy(return_window_seconds=0))
    anna = await earn(shop, "anna", "o1")
    await shop.wait(1_000 * DAY)
    await put(shop, IDLE)
    assert (await look(shop)).idle_expired == 0
    await shop.wait(200 * DAY)
    await put(shop, replace(IDLE, warn_before_seconds=()))
    await shop.wait(165 * DAY)
    assert (await look(shop)).idle_expired == 1
    assert (await shop.balance(anna))[1] == 0


async def test_value_with_an_expiry_of_its_own_and_value_that_is_held_outlive_idleness(shop):
    await put(shop, IDLE)
    anna, bert = await earn(shop, "anna", "o1"), await earn(shop, "bert", "o1")
    gift = say.Adjust(
        wallet_id=anna, operation_id="00000000-0000-4000-8000-000000000001", delta=70, actor="t", reason="t",
        expires_at=Instant(shop.now + 900 * DAY),
    )  # fmt: skip
    await shop.ledger.submit(gift, shop.soon())
    await shop.wait(365 * DAY)
    held = say.Reserve(
        wallet_id=bert, reservation_id="00000000-0000-4000-8000-000000000002", amount=1, value_minor=1,
        order=Order(order_ref="o9", total_minor=100, currency="EUR"), device="", ttl_seconds=900,
    )  # fmt: skip
    await shop.ledger.submit(held, shop.soon())
    assert (await look(shop)).idle_expired == 1
    assert (await shop.balance(anna))[1] == 70
    await shop.wait(DAY)
    await shop.ledger.submit(say.Settle(wallet_id=bert), shop.soon())
    assert (await look(shop)).idle_expired == 1
    assert (await shop.balance(bert))[1] == 0
    await shop.is_sound()


async def test_one_worker_at_a_time_looks_and_whoever_follows_one_that_died_goes_on(shop, monkeypatch):
    monkeypatch.setattr("wallet_service.earning.lookout.PAGE", 2)
    await put(shop, ROLLING)
    for n in range(7):
        await earn(shop, f"c{n}", "o1")
    await shop.wait(80 * DAY)
    claim = ahead.claim_lookout(shop.db, "00000000-0000-4000-8000-00000000000d", 30, 0, 0, timeout_seconds=5)
    place = await claim
    assert place is not None
    lookouts = [Lookout(shop.db, shop.ledger, shop.policies, pause_seconds=0) for _ in range(4)]
    assert await together(*(lookout.run() for lookout in lookouts)) == [0, 0, 0, 0]
    dead = lookouts[0]
    await dead._page("00000000-0000-4000-8000-00000000000d", place, shop.policies.looking_ahead())
    assert dead.warned == 2
    await shop._as_owner("update earning.lookout set leased_until = '1970-01-01'")
    await together(*(lookout.run() for lookout in lookouts[1:]))
    assert sum(lookout.warned for lookout in lookouts) == len(await warned(shop)) == 7
    assert sorted(lookout.warned for lookout in lookouts[1:]) == [0, 0, 5]
    # The dead one wakes up: its lease opens nothing any more.
    assert (await dead._page("00000000-0000-4000-8000-00000000000d", place, shop.policies.looking_ahead()))[
        0
    ] is None


async def test_the_next_look_waits_for_its_share_of_the_time_that_the_last_one_took(shop):
    await put(shop, ROLLING)
    lookout = Lookout(shop.db, shop.ledger, shop.policies, pause_seconds=0)
    await shop._as_owner(
        "update earning.lookout set began_at = now() - interval '62 s', ended_at = now() - interval '2 s'"
    )
    assert await ahead.claim_lookout(shop.db, FIRST[1], 30, 0, 20, timeout_seconds=5) is None
    await shop._as_owner(
        "update earning.lookout set began_at = now() - interval '3 s', ended_at = now() - interval '2.9 s'"
    )
    assert await ahead.claim_lookout(shop.db, FIRST[1], 30, 0, 20, timeout_seconds=5) is not None
    assert await lookout.run() == 0


async def test_what_is_long_expired_is_forgotten(shop):
    await put(shop, ROLLING)
    await earn(shop, "anna", "o1")
    await shop.wait(80 * DAY)
    await look(shop)
    await shop.wait(440 * DAY)
    await look(shop)
    assert await warned(shop) == []


async def test_programs_that_look_not_ahead_cost_nothing(shop):
    await put(shop, Policy())
    lookout = Lookout(shop.db, shop.ledger, shop.policies)
    assert await lookout.run() == 0
    assert await shop.value("select lease from earning.lookout") is None
