"""The client for code without asyncio keeps the same promises."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_service import NOT_THERE, POOR, FakeService, served
from wallet_client import AsyncWalletClient, WalletClient, errors

CUSTOMER = ("demo", "anna")


@pytest.fixture
def target(service: FakeService):
    """Serve the fake on a loop in a thread, so that a test may block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = served(service)
    yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def client(target):
    with WalletClient(target, token="t0k3n") as made:
        yield made


def test_a_checkout_without_asyncio(client, service, order):
    assert client.wallet.open(*CUSTOMER).customer_ref == "anna"
    quote = client.checkout.quote(CUSTOMER, order, amount_minor=500)
    hold = client.checkout.reserve(CUSTOMER, quote.amount_minor, order, quote_token=quote.quote_token)
    assert hold.held
    assert hold.commit(amount_minor=300).committed_minor == 300
    assert not hold.held
    assert [entry.seq for entry in client.wallet.entries(CUSTOMER, page_size=2)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_unanswered_call_is_repeated_with_the_same_id(client, service, order):
    service.plan("Execute", NOT_THERE)
    assert client.checkout.reserve(CUSTOMER, 5, order).held


def test_refusals_are_raised_by_name(client, service, order):
    service.refusals["order-1"] = POOR
    with pytest.raises(errors.InsufficientBalance):
        client.checkout.reserve(CUSTOMER, 5, order)


def test_a_block_commits_or_releases(client, service, order):
    with client.reservation(CUSTOMER, 500, order) as kept:
        assert kept.held
    assert service.held[kept.reservation_id].committed_minor == 500
    with pytest.raises(ZeroDivisionError), client.reservation(CUSTOMER, 500, order) as given_back:
        assert 1 / 0
    releases = [
        op.release.reservation_id
        for request in service.requests["Execute"]
        for op in request.operations
        if op.WhichOneof("operation") == "release"
    ]
    assert releases == [given_back.reservation_id]


def test_threads_share_a_client_and_their_calls_are_gathered(client, service, order):
    service.delay_seconds["Execute"] = 0.05
    with ThreadPoolExecutor(32) as threads:
        holds = list(threads.map(lambda _: client.checkout.reserve(CUSTOMER, 5, order), range(64)))
    assert len({hold.reservation_id for hold in holds}) == 64
    assert len(service.requests["Execute"]) < 32


@pytest.fixture
def full(client):
    """Takes all the room of the client's threads: every call is refused for want of it."""
    taken = []

    def take():
        while client._loop._room.acquire(blocking=False):
            taken.append(1)

    yield take
    for _ in taken:
        client._loop._room.release()


def test_what_ends_something_is_not_refused_for_want_of_room(client, service, order, full):
    def decline() -> None:
        with client.reservation(CUSTOMER, 500, order):
            full()
            client.checkout.quote(CUSTOMER, order, maximum=True)

    stream = client.wallet.watch(CUSTOMER)
    next(stream)
    with client.reservation(CUSTOMER, 500, order) as kept:
        with pytest.raises(errors.Overloaded):
            decline()
        stream.close()
    assert service.held[kept.reservation_id].committed_minor == 500
    assert len([effect for effect in service.effects if effect.startswith("release ")]) == 1
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "wallet-client"]


def test_a_watch_can_be_left(client):
    stream = client.wallet.watch(CUSTOMER)
    next(stream)
    assert next(stream).seq == 4
    stream.close()


def test_a_closed_client_refuses_at_once(target, order):
    client = WalletClient(target, token="t")
    client.close()
    client.close()
    with pytest.raises(errors.TurnedAway):
        client.checkout.quote(CUSTOMER, order, maximum=True)
    assert not [thread for thread in threading.enumerate() if thread.name == "wallet-client"]


def test_every_asynchronous_call_has_one_that_waits():
    waiting = WalletClient.__init__.__annotations__
    assert waiting.keys() == AsyncWalletClient.__init__.__annotations__.keys()
    from wallet_client import blocking
    from wallet_client import blocking_staff as staff

    pairs = [
        (blocking.Checkout, blocking.BlockingCheckout),
        (blocking.Wallets, blocking.BlockingWallets),
        (staff.Admin, staff.BlockingAdmin),
        (staff.Rules, staff.BlockingRules),
        (staff.Fraud, staff.BlockingFraud),
        (staff.Review, staff.BlockingReview),
        (blocking.Earning, blocking.BlockingEarning),
        (blocking.Hold, blocking.BlockingHold),
        (AsyncWalletClient, WalletClient),
    ]
    for asynchronous, synchronous in pairs:
        names = {name for name in vars(asynchronous) if not name.startswith("_")}
        assert names <= set(dir(synchronous))
