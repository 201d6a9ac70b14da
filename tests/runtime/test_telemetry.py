"""Telemetry: off imports nothing, on says what the register says, and no log line carries a secret."""

import ast
import io
import json
import logging
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

import wallet_service
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.config import load_settings
from wallet_service.runtime.embedded import free_port
from wallet_service.runtime.errors import StartError
from wallet_service.runtime.logs import JsonFormatter, TextFormatter, redacted
from wallet_service.runtime.telemetry import observed, start_telemetry

ROOT = Path(wallet_service.__file__).parents[1]
REGISTER = yaml.safe_load((ROOT / "docs" / "telemetry.yaml").read_text())
KINDS = {
    "create_counter",
    "create_histogram",
    "create_observable_counter",
    "create_observable_gauge",
    "create_up_down_counter",
}


def instruments():
    """Every instrument that the code makes: name, kind, unit."""
    for path in sorted((ROOT / "wallet_service").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in KINDS
            ):
                unit = next((word.value for word in node.keywords if word.arg == "unit"), None)
                assert isinstance(node.args[0], ast.Constant), (
                    f"{path}:{node.lineno} the name is not written out"
                )
                yield node.args[0].value, node.func.attr.removeprefix("create_"), unit.value if unit else None


def test_code_and_register_name_the_same_metrics():
    assert {name: (kind, unit) for name, kind, unit in instruments()} == {
        name: (entry["kind"], entry["unit"]) for name, entry in REGISTER["metrics"].items()
    }


def test_every_attribute_is_explained_and_none_is_an_id():
    used = {attribute for entry in REGISTER["metrics"].values() for attribute in entry["attributes"]}
    assert used == set(REGISTER["attributes"])
    assert not [name for name in used if name.endswith(("id", "ref", "token", "fingerprint"))]


def test_off_imports_no_sdk_and_no_exporter():
    code = (
        "import sys\n"
        "from wallet_service.runtime.config import load_settings\n"
        "from wallet_service.runtime.telemetry import start_telemetry\n"
        "telemetry = start_telemetry(load_settings())\n"
        "assert telemetry.meter is None and telemetry.tracer is None\n"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'prometheus', 'grpc')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_the_prometheus_page_shows_what_was_recorded(redis_url):
    telemetry = start_telemetry(load_settings({"prometheus_port": 0}))
    cache = Cache(redis_url, timeout_ms=500)
    telemetry.watch_cache(cache)
    telemetry.watch_loops(lambda: 3)
    await cache.get_many(["absent"])
    telemetry.meter.create_histogram("t", unit="s").record(0.02, {"method": "m"})
    telemetry.meter.create_observable_gauge("g", callbacks=[observed({}, lambda: 5)])
    page = (
        urllib.request.urlopen(f"http://127.0.0.1:{telemetry.prometheus_port}/metrics", timeout=5)
        .read()
        .decode()
    )
    assert "wallet_runtime_cache_lookups_total{" in page
    assert 'result="miss"} 1.0' in page
    assert "wallet_runtime_loop_restarts_total" in page
    assert 'le="0.025"' in page
    await telemetry.close()
    await cache.close()


async def test_a_busy_prometheus_port_is_one_line():
    first = start_telemetry(load_settings({"prometheus_port": free_port()}))
    with pytest.raises(StartError, match="WALLET_PROMETHEUS_PORT"):
        start_telemetry(load_settings({"prometheus_port": first.prometheus_port}))
    await first.close()


async def test_a_collector_that_is_away_does_not_hold_up_the_stop():
    telemetry = start_telemetry(
        load_settings({"otlp_endpoint": f"http://127.0.0.1:{free_port()}", "trace_sample_ratio": 1.0})
    )
    with telemetry.tracer.start_as_current_span("s"):
        telemetry.meter.create_counter("c").add(1)
    started = time.monotonic()
    await telemetry.close()
    assert time.monotonic() - started < 6


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://wallet:hunter2@db/wallet is away",
        "authorization: Bearer hunter2.abc",
        "token eyJhbGciOiJub25lIn0.hunter2.",
        "redis://:hunter2@cache:6379",
        "password=hunter2&x=1",
    ],
)
def test_secrets_are_taken_out_of_text(text):
    assert "hunter2" not in redacted(text)


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_a_log_line_carries_its_extras_but_no_secret(formatter):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter())
    log = logging.getLogger(f"test.{formatter.__name__}")
    log.addHandler(handler)
    try:
        raise ValueError("postgresql://u:hunter2@h/d")  # noqa: TRY301
    except ValueError:
        log.exception(
            "went wrong", extra={"loop": "sweeper", "auth_token": "hunter2", "device_fingerprint": "hunter2"}
        )
    line = stream.getvalue()
    assert "hunter2" not in line
    assert "sweeper" in line
    if formatter is JsonFormatter:
        parsed = json.loads(line)
        assert parsed["level"] == "error"
        assert parsed["message"] == "went wrong"
        assert line.count("\n") == 1
