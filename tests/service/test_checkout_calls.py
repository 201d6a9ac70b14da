"""CheckoutService over the wire: each outcome, its repetition, and the same id with other content."""

from __future__ import annotations

import grpc
import pytest
from rig import Api, new_id, open_shop, order, refusal, without_replay
from wallet.v1 import checkout_pb2, types_pb2

HELD, COMMITTED, RELEASED = (
    types_pb2.RESERVATION_STATE_HELD,
    types_pb2.RESERVATION_STATE_COMMITTED,
    types_pb2.RESERVATION_STATE_RELEASED,
)


async def test_a_whole_checkout_leaves_exactly_what_was_not_spent(api: Api) -> None:
    shop = await open_shop(api, 5_000)
    quote = await api(shop.quote(3_000))
    assert (quote.amount_minor, quote.left_to_pay_minor, quote.balance.available_minor) == (3_000, 0, 5_000)
    held = await api(shop.reserve(3_000, order=order(3_000), quote_token=quote.quote_token))
    assert (held.reservation.state, held.balance.available_minor, held.balance.reserved_minor) == (
        HELD,
        2_000,
        3_000,
    )
    done = await api(shop.commit(held.reservation.reservation_id, amount_minor=2_000))
    assert (done.reservation.state, done.reservation.committed_minor) == (COMMITTED, 2_000)
    assert (done.balance.available_minor, done.balance.reserved_minor) == (3_000, 0)
    assert await shop.balance() == done.balance


async def test_a_repeated_reserve_returns_the_first_outcome_whatever_happened_since(api: Api) -> None:
    shop = await open_shop(api)
    request = shop.reserve(1_000, ttl_seconds=60)
    first = await api(request)
    assert not first.replayed
    again = await api(request)
    assert again.replayed
    await api(shop.commit(request.reservation_id, amount_minor=400))
    after = await api(request)
    assert without_replay(first) == without_replay(again) == without_replay(after)
    assert (await shop.balance()).available_minor == 9_600


async def test_a_refused_reserve_is_refused_for_ever(api: Api) -> None:
    shop = await open_shop(api, 100)
    request = shop.reserve(500)
    first = await refusal(api(request))
    assert (first.status, first.reason, first.field) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "INSUFFICIENT_BALANCE",
        "amount_minor",
    )
    assert first.facts["available_minor"] == "100"
    await shop.adjust(1_000)
    again = await refusal(api(request))
    assert (again.reason, again.facts["replayed"]) == ("INSUFFICIENT_BALANCE", "true")
    assert (await refusal(api(shop.commit(request.reservation_id)))).reason == "RESERVATION_REFUSED"
    found = (
        await api(checkout_pb2.GetReservationRequest(wallet=shop.ref, reservation_id=request.reservation_id))
    ).reservation
    assert (found.state, found.refused_reason) == (
        types_pb2.RESERVATION_STATE_REFUSED,
        "INSUFFICIENT_BALANCE",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 999},
        {"order": order(100_000, ref="order-2")},
        {"order": order(99_999)},
        {"ttl_seconds": 61},
        {"device": types_pb2.Device(fingerprint="another phone")},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_reserve_with_the_same_id_and_other_content_is_refused(api: Api, change: dict) -> None:
    shop = await open_shop(api)
    said = {"reservation_id": new_id(), "ttl_seconds": 60, "device": types_pb2.Device(fingerprint="phone")}
    await api(shop.reserve(1_000, **said))
    before = await shop.snapshot()
    other = {"amount_minor": 1_000, **said, **change}
    amount = other.pop("amount_minor")
    refused = await refusal(api(shop.reserve(amount, **other)))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "ID_REUSED",
        "reservation_id",
    )
    assert await shop.snapshot() == before


async def test_a_repeated_commit_returns_its_own_answer_after_later_commits(api: Api) -> None:
    shop = await open_shop(api)
    reservation_id = await shop.held(1_000)
    first_request = shop.commit(reservation_id, amount_minor=300, final=False)
    first = await api(first_request)
    last_request = shop.commit(reservation_id)
    last = await api(last_request)
    assert (first.reservation.state, last.reservation.state) == (HELD, COMMITTED)
    assert [(c.amount_minor, c.final) for c in last.reservation.commits] == [(300, False), (700, True)]
    for request, answer in ((first_request, first), (last_request, last)):
        again = await api(request)
        assert again.replayed
        assert without_replay(again) == without_replay(answer)


@pytest.mark.parametrize(
    "change", [{"amount_minor": 301}, {"final": True}, {}], ids=["amount", "final", "all"]
)
async def test_a_commit_with_the_same_id_and_other_content_is_refused(api: Api, change: dict) -> None:
    shop = await open_shop(api)
    reservation_id = await shop.held(1_000)
    said = {"commit_id": new_id(), "amount_minor": 300, "final": False}
    await api(shop.commit(reservation_id, **said))
    other = {**said, **change} if change else {"commit_id": said["commit_id"], "final": False}
    refused = await refusal(api(shop.commit(reservation_id, **other)))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "ID_REUSED",
        "commit_id",
    )
    assert (await shop.balance()).reserved_minor == 700


async def test_a_release_gives_back_once_however_often_it_is_asked(api: Api) -> None:
    shop = await open_shop(api)
    reservation_id = await shop.held(4_000)
    first = await api(shop.release(reservation_id))
    again = await api(shop.release(reservation_id))
    assert (first.replayed, again.replayed) == (False, True)
    assert without_replay(first) == without_replay(again)
    assert (first.reservation.state, (await shop.balance()).available_minor) == (RELEASED, 10_000)


async def test_a_release_after_a_part_was_committed_gives_back_the_rest(api: Api) -> None:
    shop = await open_shop(api)
    reservation_id = await shop.held(1_000)
    await api(shop.commit(reservation_id, amount_minor=250, final=False))
    released = await api(shop.release(reservation_id))
    assert (released.reservation.state, released.reservation.committed_minor) == (RELEASED, 250)
    assert (released.balance.available_minor, released.balance.reserved_minor) == (9_750, 0)


async def test_what_has_ended_cannot_be_committed_released_or_extended(api: Api) -> None:
    shop = await open_shop(api)
    committed, released = await shop.held(100), await shop.held(100)
    await api(shop.commit(committed))
    await api(shop.release(released))
    for reservation_id, reason in ((committed, "RESERVATION_COMMITTED"), (released, "RESERVATION_RELEASED")):
        assert (await refusal(api(shop.commit(reservation_id)))).reason == reason
        extend = checkout_pb2.ExtendReservationRequest(
            reservation_id=reservation_id, wallet=shop.ref, extension_id=new_id(), ttl_seconds=100
        )
        assert (await refusal(api(extend))).reason == reason
    assert (await refusal(api(shop.release(committed)))).reason == "RESERVATION_COMMITTED"
    above = await shop.held(100)
    refused = await refusal(api(shop.commit(above, amount_minor=101)))
    assert (refused.reason, refused.field, refused.facts["held_minor"]) == (
        "COMMIT_ABOVE_RESERVATION",
        "amount_minor",
        "100",
    )


async def test_an_extension_holds_longer_never_shorter_and_within_the_program(api: Api) -> None:
    shop = await open_shop(api, reservation_ttl_seconds=600, reservation_ttl_seconds_max=1_200)
    first = (await api(shop.reserve(100))).reservation
    assert first.expires_at.seconds - first.created_at.seconds == 600

    def extend(seconds: int, extension_id: str = "") -> checkout_pb2.ExtendReservationRequest:
        return checkout_pb2.ExtendReservationRequest(
            reservation_id=first.reservation_id, wallet=shop.ref, extension_id=extension_id or new_id(),
            ttl_seconds=seconds,
        )  # fmt: skip

    longer_request = extend(900)
    longer = await api(longer_request)
    assert 890 <= longer.reservation.expires_at.seconds - first.created_at.seconds <= 910
    shorter = await api(extend(10))
    assert shorter.reservation.expires_at == longer.reservation.expires_at
    again = await api(longer_request)
    assert (again.replayed, without_replay(again)) == (True, without_replay(longer))
    other = await refusal(api(extend(901, longer_request.extension_id)))
    assert (other.reason, other.field) == ("ID_REUSED", "extension_id")
    too_long = await refusal(api(extend(1_201)))
    assert (too_long.reason, too_long.field) == ("TTL_OUT_OF_RANGE", "ttl_seconds")
    # No value moved, so the history did not grow.
    assert (await shop.balance()).version == longer.balance.version


async def test_a_reserve_can_insist_on_the_version_it_has_seen(api: Api) -> None:
    shop = await open_shop(api)
    version = (await shop.balance()).version
    await api(shop.reserve(1, expected_version=version))
    refused = await refusal(api(shop.reserve(1, expected_version=version)))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.ABORTED,
        "VERSION_MISMATCH",
        "expected_version",
    )
    assert refused.facts["version"] == str(version + 1)


async def test_a_program_bounds_how_many_reservations_are_open(api: Api) -> None:
    shop = await open_shop(api, open_reservations_max=2)
    first = await shop.held(1)
    await shop.held(1)
    refused = await refusal(api(shop.reserve(1)))
    assert (refused.status, refused.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_RESERVATIONS",
    )
    await api(shop.release(first))
    await shop.held(1)


async def test_reservations_are_listed_open_ones_first_then_the_latest_to_end(api: Api) -> None:
    shop = await open_shop(api)
    ids = [await shop.held(10, order=order(ref=f"o-{n}")) for n in range(7)]
    for ended in ids[:4]:
        await api(shop.release(ended))
    await api(shop.commit(ids[4]))
    found: list[str] = []
    request = checkout_pb2.ListReservationsRequest(wallet=shop.ref, page_size=2)
    pages = 0
    while pages == 0 or request.page_token:
        page = await api(request)
        found += [reservation.reservation_id for reservation in page.reservations]
        request.page_token = page.next_page_token
        pages += 1
    assert found == [ids[6], ids[5], ids[4], ids[3], ids[2], ids[1], ids[0]]
    assert pages == 3
    for states, expected in (
        ([types_pb2.RESERVATION_STATE_HELD], {ids[5], ids[6]}),
        ([types_pb2.RESERVATION_STATE_COMMITTED], {ids[4]}),
        ([types_pb2.RESERVATION_STATE_RELEASED], set(ids[:4])),
        ([types_pb2.RESERVATION_STATE_EXPIRED], set()),
    ):
        listed = await api(checkout_pb2.ListReservationsRequest(wallet=shop.ref, states=states))
        assert {reservation.reservation_id for reservation in listed.reservations} == expected


async def test_a_wallet_is_the_same_by_id_and_by_customer(api: Api) -> None:
    shop = await open_shop(api)
    by_customer = types_pb2.WalletRef(
        customer=types_pb2.Customer(program_id=shop.program.program_id, customer_ref="anna")
    )
    held = await api(shop.reserve(100, wallet=by_customer))
    assert held.reservation.wallet_id == shop.wallet_id
    again = await api(shop.reserve(100, reservation_id=held.reservation.reservation_id))
    assert again.replayed
    loud = types_pb2.WalletRef(wallet_id=shop.wallet_id.upper())
    assert (
        await api(shop.release(held.reservation.reservation_id.upper(), wallet=loud))
    ).balance.reserved_minor == 0
