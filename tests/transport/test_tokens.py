"""Tokens: every way to be no caller, what a customer may do, and keys that change underway."""

import base64
import itertools
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fake_rooms import (
    ADMIN,
    CHECKOUT,
    QUOTE,
    RESERVE,
    REVIEW,
    SECRET,
    WALLET,
    WALLETS,
    auth,
    bearer,
    claims,
    refused,
    service_token,
    signed,
)
from wallet.v1 import admin_pb2, checkout_pb2, earning_pb2, reason_pb2, review_pb2, types_pb2, wallet_pb2

from wallet_service.kernel.errors import RefusedError
from wallet_service.kernel.ids import wallet_id_of
from wallet_service.runtime.errors import ConfigError
from wallet_service.transport.auth import Authenticator, TokenPolicy, mint
from wallet_service.transport.keys import KeyRing
from wallet_service.transport.scopes import RULES, WIDENING, Scope

RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(key, kid, **more):
    algorithm = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.OKPAlgorithm
    )
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, **more}


def write_jwks(path, *keys):
    # As a secret mount or a careful writer does it: the new file takes the old one's place at once.
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": list(keys)}))
    return fresh.replace(path)


@pytest.fixture
def jwks(tmp_path):
    return write_jwks(tmp_path / "jwks.json", jwk(RSA_KEY, "rsa-1"), jwk(ED_KEY, "ed-1"))


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def forged(header, payload, signature=b"", key=None):
    """A token put together by hand, for what a library would not sign."""
    parts = [base64.urlsafe_b64encode(p).rstrip(b"=") for p in (header, payload)]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    if key is not None:
        signature = mac.sign(b".".join(parts), key)
    return bearer(b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode())


def hs256(payload):
    return forged(b'{"alg":"HS256","typ":"JWT"}', payload, key=SECRET)


def made_badly():
    """Every bad token and why it is refused; made when it is asked for, as they run out."""
    now = int(time.time())
    return {
        "none at all": ((), "TOKEN_MISSING"),
        "another scheme": ((("authorization", "Basic dXNlcjpwdw=="),), "TOKEN_MISSING"),
        "an empty one": (bearer(""), "TOKEN_INVALID"),
        "no token": (bearer("abc"), "TOKEN_INVALID"),
        "noise": (bearer("a.b.c"), "TOKEN_INVALID"),
        "expired": (signed(exp=now - 60), "TOKEN_EXPIRED"),
        "not yet valid": (signed(nbf=now + 600), "TOKEN_EXPIRED"),
        "issued in the future": (signed(iat=now + 600), "TOKEN_EXPIRED"),
        "wrong audience": (signed(aud="another-service"), "TOKEN_INVALID"),
        "no audience": (signed(aud=None), "TOKEN_INVALID"),
        "no expiry": (signed(exp=None), "TOKEN_INVALID"),
        "no issue time": (signed(iat=None), "TOKEN_INVALID"),
        "no subject": (signed(sub=None), "TOKEN_INVALID"),
        "an empty subject": (signed(sub=""), "TOKEN_INVALID"),
        "a subject of 1 kB": (signed(sub="x" * 1_000), "TOKEN_INVALID"),
        "another key": (signed(key=b"another secret, also 32 bytes long"), "TOKEN_INVALID"),
        "another algorithm": (signed(algorithm="HS512"), "TOKEN_INVALID"),
        "alg none": (bearer(jwt.encode(claims(), None, algorithm="none")), "TOKEN_INVALID"),
        "alg None": (forged(b'{"alg":"None"}', json.dumps(claims()).encode()), "TOKEN_INVALID"),
        "alg a list": (
            forged(b'{"alg":["HS256"]}', json.dumps(claims()).encode(), key=SECRET),
            "TOKEN_INVALID",
        ),
        "unknown kid": (signed(key=RSA_KEY, algorithm="RS256", headers={"kid": "?"}), "TOKEN_INVALID"),
        "no kid": (signed(key=RSA_KEY, algorithm="RS256"), "TOKEN_INVALID"),
        "kid a list": (signed(key=RSA_KEY, algorithm="RS256", headers={"kid": ""}), "TOKEN_INVALID"),
        "key of another kid": (
            signed(key=RSA_KEY, algorithm="RS256", headers={"kid": "ed-1"}),
            "TOKEN_INVALID",
        ),
        "public key as secret": (
            forged(b'{"alg":"HS256","kid":"rsa-1"}', json.dumps(claims()).encode(), key=public_pem(RSA_KEY)),
            "TOKEN_INVALID",
        ),
        "infinite expiry": (
            hs256(b'{"sub":"a","aud":"wallet-service","iat":1,"exp":Infinity}'),
            "TOKEN_INVALID",
        ),
        "expiry that is no number": (
            hs256(b'{"sub":"a","aud":"wallet-service","iat":1,"exp":NaN}'),
            "TOKEN_INVALID",
        ),
        "claims that are a list": (hs256(b"[]"), "TOKEN_INVALID"),
        "bottomless header": (forged(b"[" * 5_000, b"{}"), "TOKEN_INVALID"),
        "bottomless claims": (hs256(b'{"a":' + b"[" * 5_000), "TOKEN_INVALID"),
        "scope as a list": (signed(scope=["checkout.quote"]), "TOKEN_INVALID"),
        "half a customer": (signed(program_id="shop"), "TOKEN_INVALID"),
        "the other half": (signed(customer_ref="1"), "TOKEN_INVALID"),
        "an empty customer": (signed(program_id="", customer_ref=""), "TOKEN_INVALID"),
        "a customer who is two": (
            signed(wallet_id=WALLET, program_id="shop", customer_ref="1"),
            "TOKEN_INVALID",
        ),
        "a wallet that is no id": (signed(wallet_id="mine"), "TOKEN_INVALID"),
        "a wallet that is a number": (signed(wallet_id=7), "TOKEN_INVALID"),
        "no scope": (signed(scope=None), "SCOPE_MISSING"),
        "another scope": (signed(scope="wallet.read checkout.quote.more"), "SCOPE_MISSING"),
    }


@pytest.fixture(scope="module")
def bad_tokens():
    return made_badly()


@pytest.mark.parametrize("name", list(made_badly()))
async def test_who_cannot_be_trusted_is_refused(open_with, jwks, name, bad_tokens):
    house = await open_with(keys=KeyRing(jwks_file=jwks, hs256_secret=SECRET))
    metadata, reason = bad_tokens[name]
    status, answered, _, message = await refused(house.checkout.Quote(QUOTE, metadata=metadata))
    assert answered == reason
    assert status == ("PERMISSION_DENIED" if reason == "SCOPE_MISSING" else "UNAUTHENTICATED")
    assert not any(word in message for word in ("Signature", "segments", "audience", "padding"))
    assert house.checkout_rooms.calls == []


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa-1"), (ED_KEY, "EdDSA", "ed-1")]
)
async def test_a_key_of_the_file_is_trusted(open_with, jwks, key, algorithm, kid):
    house = await open_with(keys=KeyRing(jwks_file=jwks))
    good = signed(key=key, algorithm=algorithm, headers={"kid": kid})
    await house.checkout.Quote(QUOTE, metadata=good)
    assert (await refused(house.checkout.Quote(QUOTE, metadata=auth())))[1] == "TOKEN_INVALID"


async def test_the_issuer_counts_when_one_is_required(open_with):
    house = await open_with(policy=TokenPolicy(issuer="https://issuer.example"))
    await house.checkout.Quote(QUOTE, metadata=signed(iss="https://issuer.example"))
    for other in ("https://elsewhere.example", None):
        assert (await refused(house.checkout.Quote(QUOTE, metadata=signed(iss=other))))[1] == "TOKEN_INVALID"


async def test_a_remembered_token_is_refused_once_it_has_expired():
    seconds = itertools.chain([0.0], itertools.repeat(time.time() + 700))
    door = Authenticator(KeyRing(hs256_secret=SECRET), TokenPolicy(), seconds_now=lambda: next(seconds))
    [(_, token)] = signed(exp=int(time.time()) - 3)
    assert door.caller(token).subject == "checkout-backend"
    assert door.caller(token).subject == "checkout-backend"
    [(_, stale)] = signed(exp=int(time.time()) - 10)
    with pytest.raises(RefusedError, match="expired"):
        door.caller(stale)


def test_tokens_are_remembered_within_bounds():
    door = Authenticator(KeyRing(hs256_secret=SECRET), TokenPolicy(remembered_max=10))
    for n in range(50):
        [(_, token)] = signed(sub=f"caller-{n}")
        assert door.caller(token).subject == f"caller-{n}"
    assert len(door._verified) == 10


def test_replaced_keys_count_at_once_and_an_unusable_file_keeps_the_old_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("wallet_service.transport.keys._LOOK_AGAIN_SECONDS", 0.0)
    path = write_jwks(tmp_path / "jwks.json", jwk(ED_KEY, "old"))
    door = Authenticator(KeyRing(jwks_file=path), TokenPolicy())
    [(_, old)] = signed(key=ED_KEY, algorithm="EdDSA", headers={"kid": "old"})
    [(_, new)] = signed(key=RSA_KEY, algorithm="RS256", headers={"kid": "new"})
    door.caller(old)
    path.write_text("{ half a fi")
    door.caller(old)
    write_jwks(path, jwk(RSA_KEY, "new"))
    assert door.caller(new).subject == "checkout-backend"
    with pytest.raises(RefusedError):
        door.caller(old)


def unfit_keys():
    p256 = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
    private = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED_KEY))
    return {
        "no keys": [],
        "a shared secret": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}],
        "another curve": [{**p256, "kid": "a"}],
        "a weak key": [jwk(weak, "a")],
        "a private key": [{**private, "kid": "a"}],
        "no kid": [{**jwk(ED_KEY, "a"), "kid": None}],
        "one kid twice": [jwk(ED_KEY, "a"), jwk(RSA_KEY, "a")],
        "another algorithm": [jwk(RSA_KEY, "a", alg="HS256")],
        "no key": ["a"],
    }


@pytest.mark.parametrize("name", unfit_keys())
def test_an_unfit_key_stops_the_start_with_one_line(tmp_path, name):
    path = write_jwks(tmp_path / "jwks.json", *unfit_keys()[name])
    with pytest.raises(ConfigError, match="JWKS file") as caught:
        KeyRing(jwks_file=path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_short_secret_and_no_key_at_all_stop_the_start(tmp_path):
    for parts in ({"jwks_file": tmp_path / "absent.json"}, {"hs256_secret": b"short"}, {}):
        with pytest.raises(ConfigError):
            KeyRing(**parts)


def rpcs():
    protos = (checkout_pb2, wallet_pb2, earning_pb2, review_pb2, admin_pb2, types_pb2, reason_pb2)
    services = [s for proto in protos for s in proto.DESCRIPTOR.services_by_name.values()]
    return {f"/{s.full_name}/{m.name}": m for s in services for m in s.methods}


def test_every_rpc_of_every_proto_has_its_scopes():
    assert set(RULES) == set(rpcs())
    assert all(rule.scopes for rule in RULES.values())
    assert {scope for rule in RULES.values() for scope in rule.scopes} == set(Scope) - WIDENING


def test_methods_open_to_customers_only_read_and_name_the_wallet():
    for name, rule in RULES.items():
        if rule.customers:
            assert not rule.writes
            assert "wallet" in rpcs()[name].input_type.fields_by_name


async def test_each_method_needs_each_of_its_scopes(house):
    for service in (CHECKOUT, WALLETS, ADMIN, REVIEW):
        for method in service.methods:
            name = f"/{service.full_name}/{method.name}"
            open_call = house.channel.unary_stream if method.server_streaming else house.channel.unary_unary
            for scope in RULES[name].scopes:
                others = auth(*(set(Scope) - {scope}))
                status, reason, facts, _ = await refused(open_call(name)(b"", metadata=others))
                assert (status, reason) == ("PERMISSION_DENIED", "SCOPE_MISSING"), name
                assert scope in facts["scopes"].split()


async def test_a_customer_reaches_only_reading_methods_whatever_the_scopes(house):
    customer = bearer(mint(SECRET, "app", list(Scope), customer=("shop", "customer-7")))
    await house.checkout.Quote(QUOTE, metadata=customer)
    caller = house.checkout_rooms.calls[0][1].caller
    assert caller.wallet_id == wallet_id_of("shop", "customer-7")
    assert caller.may_see(wallet_id_of("shop", "customer-7"))
    assert not caller.may_see(WALLET)
    assert (await refused(house.checkout.Reserve(RESERVE, metadata=customer)))[:2] == (
        "PERMISSION_DENIED",
        "SCOPE_MISSING",
    )
    closed = [name for name, rule in RULES.items() if not rule.customers]
    for name in closed:
        _, reason, _, _ = await refused(house.channel.unary_unary(name)(b"", metadata=customer))
        assert reason == "SCOPE_MISSING", name


async def test_a_customer_may_be_named_by_wallet_in_any_case_of_letters(house):
    await house.checkout.Quote(QUOTE, metadata=signed(wallet_id=WALLET.upper()))
    assert house.checkout_rooms.calls[0][1].caller.wallet_id == WALLET


async def test_a_service_sees_every_wallet(house):
    await house.checkout.Quote(QUOTE, metadata=bearer(service_token()))
    caller = house.checkout_rooms.calls[0][1].caller
    assert caller.may_see(WALLET)
    assert not caller.is_customer
