"""The environment is made at need, and left alone when it already holds what is wanted."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The script, pointed at a folder of its own."""
    spec = importlib.util.spec_from_file_location("bootstrap", TOOLS / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in module.SETS:
        (tmp_path / "requirements" / f"{name}.txt").write_text("a==1 \\\n    --hash=sha256:0\n")
    (tmp_path / "requirements" / "test.txt").write_text("a==1 \\\n    --hash=sha256:0\nb[x]==2 ; marker\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMPS", tmp_path / ".venv" / ".stamps")
    (tmp_path / ".venv" / ".stamps").mkdir(parents=True)
    return module


def installed(bootstrap, name):
    (bootstrap.STAMPS / name).write_text(bootstrap.digest(bootstrap.requirement_file(name)))


def test_a_larger_set_covers_a_smaller_one_but_not_the_other_way_round(bootstrap):
    assert not bootstrap.satisfied("run")
    installed(bootstrap, "run")
    assert bootstrap.satisfied("run")
    assert not bootstrap.satisfied("test")
    installed(bootstrap, "test")
    assert bootstrap.satisfied("demo")


def test_a_changed_requirement_file_is_installed_again(bootstrap):
    installed(bootstrap, "run")
    bootstrap.requirement_file("run").write_text("a==2\n")
    assert not bootstrap.satisfied("run")


def test_an_environment_that_was_made_elsewhere_is_not_used(bootstrap):
    (bootstrap.VENV / "bin").mkdir()
    shutil.copy(sys.executable, bootstrap.VENV / "bin" / "python")
    (bootstrap.STAMPS / "root").write_text("/somewhere/else")
    assert not bootstrap.usable()
    (bootstrap.STAMPS / "root").write_text(str(bootstrap.ROOT))
    assert bootstrap.usable()


def test_a_machine_without_python_is_told_in_one_line(tmp_path):
    ended = subprocess.run(
        ["/bin/sh", str(TOOLS / "bootstrap.sh"), "run"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "3.11" in ended.stderr
