"""Every rpc is complete: a scope, a room, a sentence in the proto's page, and rules that buf holds."""

import ast
import re

import pytest
from project_files import ROOT
from wallet.v1 import admin_pb2, checkout_pb2, earning_pb2, review_pb2, wallet_pb2

from wallet_service.admin.rpc import AdminRpc
from wallet_service.checkout.rpc import CheckoutRpc
from wallet_service.earning.rpc import EarningRpc
from wallet_service.ledger.rpc import WalletRpc
from wallet_service.review.rpc import ReviewRpc
from wallet_service.transport.scopes import RULES, WIDENING, Scope

PAGE = (ROOT / "docs" / "api.md").read_text()
ROWS = {
    method: (set(re.findall(r"`([\w.]+)`", scopes)), customers == "yes", says)
    for method, scopes, customers, says in re.findall(
        r"^\| `(\w+\.\w+)` \| (.+?) \| (yes|no) \| (.+?) \|$", PAGE, re.MULTILINE
    )
}
ROOMS = {
    "CheckoutService": CheckoutRpc,
    "WalletService": WalletRpc,
    "EarningService": EarningRpc,
    "ReviewService": ReviewRpc,
    "AdminService": AdminRpc,
}
SERVICES = [
    service
    for module in (checkout_pb2, wallet_pb2, earning_pb2, review_pb2, admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
METHODS = [method for service in SERVICES for method in service.methods]
MESSAGES = [
    message
    for module in (checkout_pb2, wallet_pb2, earning_pb2, review_pb2, admin_pb2)
    for message in module.DESCRIPTOR.message_types_by_name.values()
]


def wire_name(method):
    return f"/{method.containing_service.full_name}/{method.name}"


def room_method(method):
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()
    return getattr(ROOMS[method.containing_service.name], snake, None)


@pytest.mark.parametrize("method", METHODS, ids=wire_name)
def test_every_rpc_has_a_rule_and_a_room_that_says_what_it_promises(method):
    assert wire_name(method) in RULES
    assert RULES[wire_name(method)].scopes
    room = room_method(method)
    assert room is not None
    assert room.__doc__


@pytest.mark.parametrize("method", METHODS, ids=wire_name)
def test_every_rpc_stands_on_the_page_with_its_scopes(method):
    scopes, customers, says = ROWS[f"{method.containing_service.name}.{method.name}"]
    rule = RULES[wire_name(method)]
    assert scopes == {scope.value for scope in rule.scopes}
    assert customers is rule.customers
    assert says.endswith(".")


def test_nothing_is_documented_or_ruled_that_is_not_there():
    assert set(RULES) == {wire_name(method) for method in METHODS}
    assert set(ROWS) == {f"{method.containing_service.name}.{method.name}" for method in METHODS}


def test_every_scope_opens_something():
    assert {scope for rule in RULES.values() for scope in rule.scopes} == set(Scope) - WIDENING


def test_what_a_customers_token_may_call_changes_nothing():
    assert [name for name, rule in RULES.items() if rule.customers and rule.writes] == []


@pytest.mark.parametrize("method", [m for m in METHODS if RULES[wire_name(m)].writes], ids=wire_name)
def test_every_call_that_changes_something_can_be_repeated_safely(method):
    """By an id of the caller's, or because it says the state it wants."""
    ids = {"reservation_id", "commit_id", "extension_id", "operation_id", "retry_id"}
    idempotent_by_content = {"OpenWallet", "PutProgram", "AdvanceClock", "Execute"}
    idempotent_by_content |= {"RecordEvent", "RecordEvents", "PutEarningPolicy"}  # by source and its own id
    idempotent_by_content |= {"PutRulesetDraft", "PublishRuleset", "PutCampaign", "PutSegment"}
    idempotent_by_content |= {"PutFraudPolicy"}
    idempotent_by_content |= {"ImportSegment", "PutCustomers", "PutRulesPolicy"}
    idempotent_by_content |= {
        "AssignCase",
        "DecideCase",
        "DecideCases",
        "PutReviewPolicy",
    }  # ids in the decisions
    names = {field.name for field in method.input_type.fields}
    assert names & ids or method.name in idempotent_by_content


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_amounts_and_times_carry_their_unit_in_their_name(message):
    for field in message.fields:
        assert field.type not in {field.TYPE_FLOAT, field.TYPE_DOUBLE}, f"{field.full_name} is not whole"
        if "amount" in field.name or "total" in field.name:
            assert field.name.endswith("_minor"), f"{field.full_name} does not say its unit"
        if "ttl" in field.name or "grace" in field.name:
            assert re.search(r"_seconds(_max)?$", field.name), f"{field.full_name} does not say its unit"


def test_no_public_message_takes_anything_whatsoever():
    for message in MESSAGES:
        types = {field.message_type.full_name for field in message.fields if field.message_type}
        assert not types & {"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value"}, (
            message.name
        )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "proto" / "wallet").rglob("*.proto")), ids=lambda path: path.stem
)
def test_every_service_file_says_what_it_is_for(path):
    assert re.search(
        r"^// \w.*\npackage|^// .*\n(// .*\n)*package wallet\.v1;", path.read_text(), re.MULTILINE
    )


def test_generation_lints_formats_and_compares_with_what_was_released():
    """The checks of buf are part of `make test`, through this one program."""
    text = (ROOT / "tools" / "generate.py").read_text()
    said = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    assert {"lint", "breaking", "format"} <= said
    steps = (ROOT / "tools" / "check.py").read_text()
    assert '"tools/generate.py", "--check"' in steps
    assert "STANDARD" in (ROOT / "proto" / "buf.yaml").read_text()
