"""From a status on the wire to the exception that a caller can name."""

import grpc
import pytest
from fake_service import No
from wallet.v1.checkout_pb2 import OperationRefusal
from wallet.v1.reason_pb2 import Reason
from wallet_client import AsyncWalletClient, OutcomeUnknown, Refused, Retries, errors
from wallet_client.errors import Answer, class_of
from wallet_client.status import refused_in_batch

CUSTOMER = ("demo", "anna")
REASONS = [name.removeprefix("REASON_") for name in Reason.keys() if name != "REASON_UNSPECIFIED"]  # noqa: SIM118


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_the_api_has_a_class_of_its_own(reason):
    found = class_of(reason)
    assert found is not None
    assert found.__doc__
    # The deadline and the outcome share a name with a status or a kind; all others are named as their reason.
    if reason not in {"DEADLINE_EXCEEDED", "INTERNAL"}:
        assert found.__name__ == reason.title().replace("_", "")


@pytest.mark.parametrize(
    ("no", "kind"),
    [
        (No(code=grpc.StatusCode.UNAVAILABLE), errors.Unreachable),
        (No(code=grpc.StatusCode.UNAVAILABLE, reason="NEW_TROUBLE"), errors.Unreachable),
        (No(code=grpc.StatusCode.INTERNAL), OutcomeUnknown),
        (No(code=grpc.StatusCode.UNKNOWN), OutcomeUnknown),
        (No(code=grpc.StatusCode.UNIMPLEMENTED), errors.TurnedAway),
        (No(code=grpc.StatusCode.OUT_OF_RANGE, reason="NEW_REFUSAL"), Refused),
        (No(code=grpc.StatusCode.INTERNAL, reason="INTERNAL"), errors.InternalFault),
        (No(code=grpc.StatusCode.DEADLINE_EXCEEDED, reason="DEADLINE_EXCEEDED"), errors.DeadlinePassed),
        (No(code=grpc.StatusCode.FAILED_PRECONDITION, reason="X", domain="other"), errors.TurnedAway),
    ],
)
async def test_a_definite_no_and_an_unknown_outcome_are_told_apart(target, service, no, kind):
    service.plan("GetWallet", no)
    async with AsyncWalletClient(target, token="t", retries=Retries(attempts_max=1)) as client:
        with pytest.raises(kind) as caught:
            await client.wallet.get(CUSTOMER)
    assert issubclass(kind, Refused) or isinstance(caught.value, OutcomeUnknown)


async def test_error_info_brings_facts_and_field(client, service):
    no = No(
        code=grpc.StatusCode.FAILED_PRECONDITION,
        reason="BELOW_MINIMUM_PURCHASE",
        field="order.total_minor",
        message="too small",
        facts={"minimum_purchase_minor": "1000"},
    )
    service.plan("Quote", no)
    with pytest.raises(errors.PolicyRefused) as caught:
        await client.checkout.quote(CUSTOMER, None, maximum=True)
    refused = caught.value
    assert type(refused) is errors.BelowMinimumPurchase
    assert refused.field == "order.total_minor"
    assert refused.facts == {"minimum_purchase_minor": "1000"}
    assert str(refused) == "BELOW_MINIMUM_PURCHASE (order.total_minor): too small"


def test_a_refusal_in_a_batch_is_what_a_single_call_would_have_raised():
    found = refused_in_batch(
        OperationRefusal(code=9, reason="QUOTE_EXPIRED", field="quote_token", message="late")
    )
    assert type(found) is errors.QuoteExpired
    assert found.status is grpc.StatusCode.FAILED_PRECONDITION
    assert refused_in_batch(OperationRefusal(code=999)).status is grpc.StatusCode.UNKNOWN


def overloaded(pushback):
    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    return errors.Overloaded(Answer(status=status, reason="OVERLOADED", retry_after_seconds=pushback))


def test_pauses_grow_are_bounded_and_honour_what_the_service_asks():
    retries = Retries(attempts_max=4, pause_seconds=0.1, pause_seconds_max=0.3)
    assert 0.05 <= retries.pause(overloaded(None), 1, 9) <= 0.1
    assert 0.15 <= retries.pause(overloaded(None), 3, 9) <= 0.3
    assert 1.0 <= retries.pause(overloaded(1.0), 1, 9) <= 1.05
    assert retries.pause(overloaded(None), 4, 9) is None
    assert retries.pause(overloaded(1.0), 1, 0.9) is None
    assert retries.pause(overloaded(-1.0), 1, 9) is None
