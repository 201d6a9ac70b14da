"""What a device is known by can be asked for by who writes policies, and trusts exactly that device."""

from __future__ import annotations

import grpc
import pytest
from attempts import keys as keys_of_hashes
from rig import refusal, token
from ruling import device, limit, open_ruled
from wallet.v1 import fraud_pb2, types_pb2

from wallet_service.fraud.devices import Context
from wallet_service.transport.scopes import Scope

SECRET = "the kiosk in Main Street 7"


def asking(program_id: str, **text: str) -> fraud_pb2.HashFraudTraceRequest:
    return fraud_pb2.HashFraudTraceRequest(program_id=program_id, **text)


@pytest.mark.parametrize(
    ("kind", "listed"), [("fingerprint", "devices"), ("app_instance", "devices"), ("address", "addresses")]
)
async def test_what_is_listed_by_its_hash_is_trusted_and_nothing_else_is(api, kind, listed):
    by = "address" if kind == "address" else "device"
    watching = limit(measure="wallets", by=by, window="day", above=1)
    ruled = await open_ruled(api, watching)
    trusted = (await api(asking(ruled.program_id, **{kind: SECRET}))).hash
    await ruled.rule(watching, trusted={listed: [trusted]})
    wallets = [
        ruled.shop.wallet_id,
        await ruled.shop.open("berta", 1_000),
        await ruled.shop.open("carl", 1_000),
    ]
    for wallet_id in wallets:
        told = types_pb2.Device(**{kind: SECRET})
        await ruled.reserve(wallet_id=wallet_id, device=told)
    other = types_pb2.Device(**{kind: SECRET + "!"})
    await ruled.reserve(wallet_id=wallets[0], device=other)
    refused = await refusal(ruled.reserve(wallet_id=wallets[1], device=other))
    assert refused.reason == "FRAUD_REFUSED"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:DB8::1", "2001:db8:0:0:0:0:0:1", True), ("::ffff:1.2.3.4", "1.2.3.4", True), ("1.2.3.4 ", "1.2.3.4", True),
        ("2001:db8::1", "2001:db8::dead:beef:0:2", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True), ("1.2.3.4", "1.2.3.5", False), ("kiosk", "Kiosk", False),
        ("::ffff:1.2.3.4", "::ffff:1.2.3.5", False), ("1.2.3.4", "::1.2.3.4", False), ("", " ", False), ("1.2.3", "1.2.0.3", False),
    ],
)  # fmt: skip
def test_an_address_is_known_by_what_it_means_and_an_ipv6_network_is_one(one, other, same):
    ring = keys_of_hashes("k1", "k0")
    traces = [ring.traces(Context(address=address)).address for address in (one, other)]
    assert (traces[0] == traces[1]) is same


async def test_only_who_writes_policies_may_ask_and_nothing_is_kept(api, pair, keys, shared_database_url):
    ruled = await open_ruled(api, limit())
    call = asking(ruled.program_id, fingerprint=SECRET)
    others = sorted(set(Scope) - {Scope.FRAUD_WRITE})
    for bearer in (token(keys, scopes=others), token(keys, customer=(ruled.program_id, "anna"))):
        assert (await refusal(api(call, bearer=bearer))).status is grpc.StatusCode.PERMISSION_DENIED
    trace = await api(call, bearer=token(keys, scopes=[Scope.FRAUD_WRITE]))
    assert (len(trace.hash), list(trace.others)) == (32, [])
    assert (await refusal(api(asking("nobody", fingerprint=SECRET)))).reason == "PROGRAM_NOT_FOUND"
    for bad in (
        asking(ruled.program_id),
        asking(ruled.program_id, address="x" * 65),
        asking("X", address="a"),
    ):
        refused = await refusal(api(bad))
        assert refused.reason == "FIELD_INVALID"
        assert "x" * 65 not in refused.message
    # A device as told to a checkout has the same hash.
    await ruled.reserve(device=device("somebody else"))
    assert trace.hash != (await api(asking(ruled.program_id, fingerprint="somebody else"))).hash
    for process in pair:
        assert SECRET not in process.log_text()
