"""Secrets in files: made once, readable by one, refused when they are not what they should be."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from wallet_service.runtime.errors import ConfigError
from wallet_service.runtime.keys import load_secret, load_signing_keys


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "keys" / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_secret(path, create=True), range(8)))
    assert len(made) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


def test_keys_are_made_once_and_rotate_by_adding_one(tmp_path):
    path = tmp_path / "quote.json"
    made = load_signing_keys(path, create=True)
    assert load_signing_keys(path, create=True) == made
    content = json.loads(path.read_text())
    content["keys"]["k2"] = content["keys"]["k1"]
    content["active"] = "k2"
    path.write_text(json.dumps(content))
    rotated = load_signing_keys(path)
    assert rotated.active == "k2"
    assert rotated.keys["k1"] == made.keys["k1"]
    assert str(made.keys["k1"]) not in repr(rotated)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"active": "a", "keys": {"b": "YWFh"}}',
        '{"active": "a", "keys": {"a": "c2hvcnQ="}}',
        '{"active": "a", "keys": {"a": 1}}',
    ],
)
def test_unfit_key_files_are_refused_without_quoting_them(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        load_signing_keys(path)
    assert "c2hvcnQ" not in str(refused.value)


def test_a_missing_or_short_secret_is_named_by_its_path(tmp_path):
    with pytest.raises(ConfigError, match="absent"):
        load_secret(tmp_path / "absent")
    (tmp_path / "short").write_text("hunter2")
    with pytest.raises(ConfigError) as refused:
        load_secret(tmp_path / "short")
    assert "hunter2" not in str(refused.value)
