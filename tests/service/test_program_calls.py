"""AdminService over the wire: programs, their policies, and the clock of a sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from rig import (
    ACCOUNTABLE,
    Api,
    Shop,
    new_id,
    open_shop,
    order,
    program_message,
    put_program,
    refusal,
    stamp,
    until,
)
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2, wallet_pb2

ACTIVE, FROZEN, CLOSED = (
    types_pb2.WALLET_STATE_ACTIVE,
    types_pb2.WALLET_STATE_FROZEN,
    types_pb2.WALLET_STATE_CLOSED,
)


def care(kind: type, shop: Shop, **more):
    return kind(**{"wallet": shop.ref, "operation_id": new_id(), "accountability": ACCOUNTABLE, **more})


async def entries(shop: Shop, **more) -> list[types_pb2.Entry]:
    found: list[types_pb2.Entry] = []
    request = wallet_pb2.ListEntriesRequest(wallet=shop.ref, **more)
    while True:
        page = await shop.api(request)
        found += page.entries
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_a_changed_program_decides_the_next_call_in_every_process(api: Api, other_api: Api) -> None:
    shop = await open_shop(api)
    await other_api(shop.reserve(50))
    changed = await put_program(api, program_message(shop.program.program_id, maximum_redemption_minor=49))
    assert changed.version == shop.program.version + 1
    for caller in (api, other_api):
        assert (await refusal(caller(shop.reserve(50)))).reason == "ABOVE_MAXIMUM_REDEMPTION"

    async def quoted() -> bool:
        return (await other_api(shop.quote())).amount_minor == 49

    await until(quoted, seconds=5)


async def test_what_defines_the_money_of_a_program_cannot_change(api: Api) -> None:
    shop = await open_shop(api, 0)
    for field, value in (
        ("asset", "POINTS"), ("exponent", 3), ("currency", "USD"), ("rate_numerator", 2), ("rate_denominator", 2),
        ("mode", admin_pb2.PROGRAM_MODE_SANDBOX),
    ):  # fmt: skip
        message = program_message(shop.program.program_id, **{field: value})
        refused = await refusal(put_program(api, message))
        assert (refused.status, refused.reason, refused.field) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "PROGRAM_IMMUTABLE",
            f"program.{field}",
        )
    found = (await api(admin_pb2.GetProgramRequest(program_id=shop.program.program_id))).program
    assert found == shop.program


async def test_two_editors_of_a_program_cannot_overwrite_each_other(api: Api) -> None:
    shop = await open_shop(api, 0)
    message = program_message(shop.program.program_id, display_name="Second")
    second = await put_program(api, message, expected_version=shop.program.version)
    refused = await refusal(put_program(api, message, expected_version=shop.program.version))
    assert (refused.status, refused.reason, refused.field, refused.facts["version"]) == (
        grpc.StatusCode.ABORTED,
        "VERSION_MISMATCH",
        "expected_version",
        str(second.version),
    )
    absent = await refusal(api(admin_pb2.GetProgramRequest(program_id="nobody-knows-it")))
    assert (absent.status, absent.reason, absent.field) == (
        grpc.StatusCode.NOT_FOUND,
        "PROGRAM_NOT_FOUND",
        "program_id",
    )


async def test_programs_are_listed_in_order_page_by_page(api: Api) -> None:
    made = sorted([(await open_shop(api, 0)).program.program_id for _ in range(3)])
    request, found = admin_pb2.ListProgramsRequest(page_size=2), []
    while True:
        page = await api(request)
        assert len(page.programs) <= 2
        found += [program.program_id for program in page.programs]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == sorted(set(found))
    assert set(made) <= set(found)


MORNING = datetime(2030, 5, 1, 8, tzinfo=UTC)


async def advance(shop: Shop, to: datetime) -> admin_pb2.Program:
    request = admin_pb2.AdvanceClockRequest(
        program_id=shop.program.program_id, to=stamp(to), accountability=ACCOUNTABLE
    )
    return (await shop.api(request)).program


async def test_a_sandbox_has_a_clock_that_expires_holds_and_lots(api: Api, other_api: Api) -> None:
    shop = await open_shop(api, 0, sandbox=True)
    await advance(shop, MORNING)
    await shop.adjust(100, expires_at=stamp(MORNING + timedelta(hours=2)))
    await shop.adjust(10)
    held = await api(shop.reserve(30, ttl_seconds=600))
    assert held.reservation.created_at == stamp(MORNING)
    at_expiry = MORNING + timedelta(seconds=600)
    await advance(shop, at_expiry - timedelta(microseconds=1))
    assert (await shop.balance()).reserved_minor == 30
    program = await advance(shop, at_expiry)
    assert program.clock_at == stamp(at_expiry)
    # By the clock of the program it is over in every process, swept or not.
    assert (
        await refusal(other_api(shop.commit(held.reservation.reservation_id)))
    ).reason == "RESERVATION_EXPIRED"
    assert (await shop.balance()).available_minor == 110
    found = checkout_pb2.GetReservationRequest(
        wallet=shop.ref, reservation_id=held.reservation.reservation_id
    )
    assert (await api(found)).reservation.state == types_pb2.RESERVATION_STATE_EXPIRED
    await advance(shop, MORNING + timedelta(hours=3))
    assert (await shop.balance()).available_minor == 10
    assert (await entries(shop))[0].kind == types_pb2.ENTRY_KIND_EXPIRE_LOT


async def test_a_clock_never_runs_backwards_and_a_live_one_cannot_be_set(api: Api) -> None:
    sandbox, live = await open_shop(api, 0, sandbox=True), await open_shop(api, 0)
    await advance(sandbox, MORNING)
    assert (await advance(sandbox, MORNING)).clock_at == stamp(MORNING)
    refused = await refusal(advance(sandbox, MORNING - timedelta(microseconds=1)))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CLOCK_BACKWARDS",
        "to",
    )
    refused = await refusal(advance(live, MORNING))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CLOCK_IS_LIVE",
        "program_id",
    )


@pytest.mark.parametrize("late_by", [-1, 0], ids=["in the last microsecond", "one too late"])
async def test_a_late_commit_is_accepted_only_within_the_written_grace(api: Api, late_by: int) -> None:
    shop = await open_shop(api, 0, sandbox=True, commit_grace_seconds=30)
    await advance(shop, MORNING)
    await shop.adjust(100)
    reservation_id = await shop.held(100, ttl_seconds=60)
    await advance(shop, MORNING + timedelta(seconds=90, microseconds=late_by))
    if late_by:
        assert (await api(shop.commit(reservation_id))).reservation.committed_minor == 100
    else:
        assert (await refusal(api(shop.commit(reservation_id)))).reason == "RESERVATION_EXPIRED"


async def test_an_overdue_hold_never_blocks_its_wallet(api: Api) -> None:
    shop = await open_shop(api, 0, sandbox=True, open_reservations_max=1)
    await advance(shop, MORNING)
    await shop.adjust(100)
    await shop.held(100, ttl_seconds=60)
    await advance(shop, MORNING + timedelta(seconds=60))
    assert (await api(shop.reserve(100, order=order(100)))).balance.reserved_minor == 100


async def test_an_overdue_hold_is_swept_though_nobody_touches_its_wallet(api: Api) -> None:
    shop = await open_shop(api, 100)
    await shop.held(100, ttl_seconds=1)

    async def swept() -> bool:
        newest = (await entries(shop, page_size=1))[0]
        return newest.kind == types_pb2.ENTRY_KIND_EXPIRE_RESERVATION

    await until(swept, seconds=5)
