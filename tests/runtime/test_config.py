"""Settings: all faults in one answer, safe by default, nothing secret in any text."""

import pickle
import re
from pathlib import Path

import pytest

from wallet_service.runtime.config import PREFIX, Settings, is_loopback, load_settings
from wallet_service.runtime.errors import ConfigError

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def faults(monkeypatch, **environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    return str(refused.value)


def test_nothing_set_is_a_laptop():
    settings = load_settings()
    assert (settings.grpc_host, settings.grpc_port) == ("127.0.0.1", 50_051)
    assert settings.database_url is None
    assert not settings.toy_database


def test_the_bare_names_and_the_prefixed_ones_count_and_overrides_win(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("WALLET_REDIS_URL", "redis://h/0")
    monkeypatch.setenv("WALLET_GRPC_PORT", "1")
    settings = load_settings({"grpc_port": 2})
    assert settings.database_url.get_secret_value() == "postgresql://u:p@h/d"
    assert settings.redis_url.get_secret_value() == "redis://h/0"
    assert settings.grpc_port == 2


def test_all_faults_come_together_and_quote_no_secret(monkeypatch):
    text = faults(
        monkeypatch,
        DATABASE_URL="mysql://u:hunter2@h/d",
        REDIS_URL="hunter2",
        WALLET_GRPC_PORT="hunter2",
        WALLET_GRPC_HOST="0.0.0.0",
        WALLET_DEADLINE_MAX_MS="5",
        WALLET_TLS_CLIENT_CA_FILE=__file__,
        WALLET_IN_FLIGHT_MAX="10",
        WALLET_GRPC_PROT="1",
    )
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "WALLET_GRPC_PORT",
        "WALLET_INSECURE_BIND",
        "WALLET_DEADLINE_MAX_MS",
        "WALLET_TLS_CLIENT_CA_FILE",
        "WALLET_IN_FLIGHT_RESERVED",
        "WALLET_GRPC_PROT",
    ):
        assert f"\n  {name}: " in text
    assert "hunter2" not in text


def test_listening_to_the_world_in_plain_text_needs_to_be_said(monkeypatch):
    assert "WALLET_INSECURE_BIND" in faults(monkeypatch, WALLET_GRPC_HOST="0.0.0.0")
    monkeypatch.setenv("WALLET_INSECURE_BIND", "true")
    assert load_settings().grpc_host == "0.0.0.0"


def test_a_key_without_its_certificate_is_refused(monkeypatch):
    assert "together" in faults(monkeypatch, WALLET_TLS_KEY_FILE=__file__)


def test_what_a_cluster_puts_into_the_environment_is_not_a_fault(monkeypatch):
    monkeypatch.setenv("WALLET_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("WALLET_SERVICE_PORT_50051_TCP", "tcp://10.0.0.1:50051")
    load_settings()


def test_settings_are_frozen_travel_to_workers_and_hide_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@h/d")
    settings = load_settings()
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ValueError, match="frozen"):
        settings.grpc_port = 1


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org")),
    ],
)
def test_what_counts_as_loopback(host, loopback):
    assert is_loopback(host) == loopback


def test_the_operators_page_lists_every_setting_as_the_code_has_it():
    for name, field in Settings.model_fields.items():
        variable = name.upper() if name in {"database_url", "redis_url"} else PREFIX + name.upper()
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        shown = "" if field.default is None else f"`{default}`"
        assert f"| `{variable}` | {shown} | {field.description} |\n" in OPERATIONS.read_text(), variable
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    assert len(listed) == len(Settings.model_fields)
