"""Reading wallets, caring for them, and the programs they live in."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from fake_service import NOT_THERE, WALLET, No
from wallet_client import AsyncWalletClient, Entry, Program, Retries, Wallet, errors

CUSTOMER = ("demo", "anna")
WHO = {"actor": "eve", "reason": "goodwill"}


async def test_entries_come_page_by_page_without_gap_or_repeat(client, service):
    seqs = [entry.seq async for entry in client.wallet.entries(CUSTOMER, page_size=3, oldest_first=True)]
    assert seqs == [1, 2, 3, 4, 5, 6, 7]
    assert [r.page_token for r in service.requests["ListEntries"]] == ["", "3", "6"]
    assert all(r.oldest_first for r in service.requests["ListEntries"])


async def test_a_page_that_was_not_answered_is_asked_for_again(client, service):
    service.plan("ListEntries", NOT_THERE)
    assert len([entry async for entry in client.wallet.entries(CUSTOMER)]) == 7


async def test_times_are_sent_exactly_and_naive_ones_refused(client, service):
    since = datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC)
    until = since + timedelta(hours=1)
    async for _ in client.wallet.entries(CUSTOMER, since=since, until=until):
        pass
    request = service.requests["ListEntries"][0]
    assert request.since.ToDatetime(tzinfo=UTC) == since
    assert request.until.ToDatetime(tzinfo=UTC) == until
    with pytest.raises(ValueError, match="time zone"):
        await client.wallet.balance_at(CUSTOMER, datetime(2026, 1, 1))  # noqa: DTZ001


async def test_a_wallet_is_opened_and_read(client, service):
    assert (await client.wallet.open(*CUSTOMER)).customer_ref == "anna"
    assert (await client.wallet.get(WALLET, min_version=4)).wallet_id == WALLET
    assert service.requests["GetWallet"][0].min_version == 4


async def test_an_adjustment_repeated_for_want_of_an_answer_counts_once(client, service):
    service.done_first = True
    service.plan("AdjustWallet", NOT_THERE)
    await client.wallet.adjust(CUSTOMER, 250, **WHO)
    first, second = service.requests["AdjustWallet"]
    assert first.operation_id == second.operation_id
    assert service.available == 10_250


async def test_a_method_that_the_service_does_not_have_is_a_refusal(client):
    with pytest.raises(errors.Refused) as caught:
        await client.wallet.freeze(CUSTOMER, **WHO)
    assert caught.value.status is grpc.StatusCode.UNIMPLEMENTED


async def collect(stream, count):
    changes = []
    async for change in stream:
        changes.append(change)
        if len(changes) == count:
            break
    await stream.aclose()
    return changes


async def test_a_watch_begins_with_a_snapshot_and_goes_on_with_entries(client):
    changes = await collect(client.wallet.watch(CUSTOMER), 3)
    assert isinstance(changes[0], Wallet)
    assert [change.seq for change in changes[1:]] == [4, 5]


@pytest.mark.parametrize(
    "cut",
    [
        NOT_THERE,
        No(code=grpc.StatusCode.UNAVAILABLE, reason="SHUTTING_DOWN"),
        No(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="WATCH_TOO_SLOW"),
        No(code=grpc.StatusCode.DEADLINE_EXCEEDED, reason="DEADLINE_EXCEEDED"),
    ],
    ids=["lost", "draining", "slow", "old"],
)
async def test_a_broken_watch_resumes_after_the_last_version_that_was_seen(client, service, cut):
    service.watch_cut.extend([(2, cut), (1, cut), (0, cut)])
    changes = await collect(client.wallet.watch(CUSTOMER), 5)
    assert [change.seq for change in changes[1:]] == [4, 5, 6, 7]
    asked = [r.after_version for r in service.requests["WatchWallet"]]
    assert asked == [0, 5, 6, 6]


async def test_a_watch_after_a_version_has_no_snapshot(client):
    changes = await collect(client.wallet.watch(CUSTOMER, after_version=5), 2)
    assert all(isinstance(change, Entry) for change in changes)
    assert [change.seq for change in changes] == [6, 7]


async def test_a_watch_ends_when_the_service_stays_away(target, service):
    service.plan("WatchWallet", *[NOT_THERE] * 9)
    async with AsyncWalletClient(
        target, token="t", retries=Retries(attempts_max=3, pause_seconds=0.001)
    ) as client:
        with pytest.raises(errors.Unreachable):
            await collect(client.wallet.watch(CUSTOMER), 1)
    assert len(service.requests["WatchWallet"]) == 3


async def test_a_watch_that_is_refused_is_not_resumed(client, service):
    service.plan("WatchWallet", No(code=grpc.StatusCode.NOT_FOUND, reason="WALLET_NOT_FOUND"))
    with pytest.raises(errors.WalletNotFound):
        await collect(client.wallet.watch(CUSTOMER), 1)


async def test_a_watch_with_a_timeout_ends_in_time(client, service):
    service.delay_seconds["WatchWallet"] = 5
    begun = asyncio.get_running_loop().time()
    with pytest.raises(errors.WalletError):
        await collect(client.wallet.watch(CUSTOMER, timeout_seconds=0.1), 1)
    assert asyncio.get_running_loop().time() - begun < 1.0


async def test_programs_are_put_read_and_listed(client, service):
    assert (await client.admin.put_program(Program(program_id="demo"), **WHO)).program_id == "demo"
    assert (await client.admin.get_program("demo")).program_id == "demo"
    listed = [program.program_id async for program in client.admin.list_programs(page_size=2)]
    assert listed == ["p0", "p1", "p2", "p3", "p4"]
    to = datetime(2030, 1, 1, tzinfo=UTC)
    moved = await client.admin.advance_clock("demo", to, **WHO)
    assert moved.clock_at.ToDatetime(tzinfo=UTC) == to
    assert service.requests["PutProgram"][0].accountability.actor == "eve"


async def test_a_guarded_change_without_an_id_is_not_repeated_in_doubt(client, service):
    service.plan("PutProgram", NOT_THERE)
    with pytest.raises(errors.OutcomeUnknown):
        await client.admin.put_program(Program(program_id="demo"), expected_version=3, **WHO)
    assert len(service.requests["PutProgram"]) == 1
