"""Execute: one outcome for each operation, in order, each as if it had been called alone."""

from __future__ import annotations

import grpc
from rig import Api, Shop, new_id, open_shop, order, refusal, without_replay
from wallet.v1 import checkout_pb2, types_pb2


def batch(*operations) -> checkout_pb2.ExecuteRequest:
    names = {
        checkout_pb2.ReserveRequest: "reserve",
        checkout_pb2.CommitRequest: "commit",
        checkout_pb2.ReleaseRequest: "release",
    }
    return checkout_pb2.ExecuteRequest(
        operations=[checkout_pb2.Operation(**{names[type(operation)]: operation}) for operation in operations]
    )


def said(answer: checkout_pb2.ExecuteResponse) -> list[str]:
    return [
        outcome.refusal.reason if outcome.HasField("refusal") else str(outcome.WhichOneof("outcome"))
        for outcome in answer.outcomes
    ]


async def test_operations_on_one_wallet_see_each_others_effect_in_order(api: Api) -> None:
    shop = await open_shop(api, 100)
    first, second = shop.reserve(80), shop.reserve(80)
    answer = await api(batch(
        first, second, shop.release(first.reservation_id), shop.reserve(60),
        shop.commit(first.reservation_id), shop.commit(second.reservation_id),
    ))  # fmt: skip
    assert said(answer) == [
        "reserve", "INSUFFICIENT_BALANCE", "release", "reserve", "RESERVATION_RELEASED", "RESERVATION_REFUSED",
    ]  # fmt: skip
    assert (await shop.balance()).available_minor == 40


async def test_a_poisonous_operation_leaves_the_others_untouched(api: Api) -> None:
    shop = await open_shop(api, 100)
    nobody = types_pb2.WalletRef(wallet_id=new_id())
    good = shop.reserve(10)
    answer = await api(checkout_pb2.ExecuteRequest(operations=[
        checkout_pb2.Operation(reserve=shop.reserve(-1)),
        checkout_pb2.Operation(),
        checkout_pb2.Operation(reserve=good),
        checkout_pb2.Operation(commit=shop.commit("not a uuid")),
        checkout_pb2.Operation(reserve=shop.reserve(1, wallet=nobody)),
        checkout_pb2.Operation(reserve=shop.reserve(1, order=order(ref="\0"))),
        checkout_pb2.Operation(commit=shop.commit(good.reservation_id)),
    ]))  # fmt: skip
    assert said(answer) == [
        "FIELD_INVALID", "FIELD_INVALID", "reserve", "FIELD_INVALID", "WALLET_NOT_FOUND", "FIELD_INVALID", "commit",
    ]  # fmt: skip
    refusals = [outcome.refusal for outcome in answer.outcomes if outcome.HasField("refusal")]
    assert [(r.code, r.field) for r in refusals] == [
        (grpc.StatusCode.INVALID_ARGUMENT.value[0], "amount_minor"),
        (grpc.StatusCode.INVALID_ARGUMENT.value[0], "operation"),
        (grpc.StatusCode.INVALID_ARGUMENT.value[0], "reservation_id"),
        (grpc.StatusCode.NOT_FOUND.value[0], "wallet"),
        (grpc.StatusCode.INVALID_ARGUMENT.value[0], "order.order_ref"),
    ]
    assert (await shop.balance()).available_minor == 90


async def test_an_id_that_stands_twice_in_a_batch_counts_once(api: Api) -> None:
    shop = await open_shop(api, 100)
    reserve = shop.reserve(40)
    commit = shop.commit(reserve.reservation_id)
    other = shop.reserve(41, reservation_id=reserve.reservation_id)
    answer = await api(batch(reserve, reserve, other, commit, commit, reserve))
    assert said(answer) == ["reserve", "reserve", "ID_REUSED", "commit", "commit", "reserve"]
    outcomes = answer.outcomes
    assert [outcomes[n].reserve.replayed for n in (0, 1, 5)] == [False, True, True]
    assert [outcomes[n].commit.replayed for n in (3, 4)] == [False, True]
    assert len({without_replay(outcomes[n].reserve) for n in (0, 1, 5)}) == 1
    assert (await shop.balance()).available_minor == 60


async def test_a_batch_may_be_sent_again_as_a_whole(api: Api, other_api: Api) -> None:
    shop = await open_shop(api, 1_000)
    operations = [shop.reserve(300), shop.reserve(300), shop.reserve(300), shop.reserve(300)]
    operations += [shop.commit(operation.reservation_id) for operation in operations[:2]]
    first, again = await api(batch(*operations)), await other_api(batch(*operations))
    assert said(first) == said(again)
    assert all(o.reserve.replayed for o in again.outcomes if o.HasField("reserve"))
    assert all(o.commit.replayed for o in again.outcomes if o.HasField("commit"))
    assert (await shop.balance()).available_minor == 100


async def test_a_batch_of_a_thousand_over_many_wallets_keeps_its_order(api: Api) -> None:
    shop = await open_shop(api, 0)
    shops = [
        Shop(api=api, program=shop.program, wallet_id=await shop.open(f"c{n}", 1_000)) for n in range(10)
    ]
    operations = [shops[n % 10].reserve(n + 1) for n in range(1_000)]
    answer = await api(batch(*operations))
    for operation, outcome in zip(operations, answer.outcomes, strict=True):
        if outcome.HasField("reserve"):
            assert outcome.reserve.reservation.reservation_id == operation.reservation_id
            assert outcome.reserve.reservation.amount_minor == operation.amount_minor
        else:
            assert outcome.refusal.reason == "INSUFFICIENT_BALANCE"
    # 1 + 11 + 21 + … of the first wallet: as many as fit, in their order.
    first = [outcome.HasField("reserve") for outcome in answer.outcomes[::10]]
    assert first[:14] == [True] * 14
    assert sum((10 * n + 1) for n, held in enumerate(first) if held) <= 1_000


async def test_an_empty_batch_and_one_of_more_than_a_thousand_are_refused(api: Api) -> None:
    shop = await open_shop(api, 100)
    release = shop.release(new_id())
    for operations in ([], [release] * 1_001):
        refused = await refusal(api(batch(*operations)))
        assert (refused.status, refused.reason, refused.field) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "FIELD_INVALID",
            "operations",
        )
    assert said(await api(batch(*[release] * 1_000))) == ["RESERVATION_NOT_FOUND"] * 1_000
