"""Requests cut from templates are the requests they stand for."""

from wallet.v1 import checkout_pb2

from loadtest import frames
from loadtest.workload import ORDER, new_id


def test_frames_one_after_the_other_are_a_batch():
    ids = [(new_id(), new_id(), new_id()) for _ in range(3)]
    reserves = b"".join(frames.RESERVE.filled(each) for each in ids)
    commits = b"".join(frames.COMMIT.filled(each) for each in ids)
    batch = checkout_pb2.ExecuteRequest.FromString(reserves + commits).operations
    assert [operation.WhichOneof("operation") for operation in batch] == ["reserve"] * 3 + ["commit"] * 3
    for (reservation_id, wallet_id, commit_id), one, other in zip(ids, batch[:3], batch[3:], strict=True):
        assert one.reserve.reservation_id == other.commit.reservation_id == reservation_id
        assert one.reserve.wallet.wallet_id == other.commit.wallet.wallet_id == wallet_id
        assert other.commit.commit_id == commit_id
        assert one.reserve.order.total_minor == ORDER.total_minor
        assert (one.reserve.amount_minor, other.commit.amount_minor) == (100, 60)
