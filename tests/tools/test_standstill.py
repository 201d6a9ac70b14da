"""A failed test is run again when the machine stood still meanwhile, and never otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CONFTEST = "from standstill import pytest_collection_modifyitems, pytest_runtest_setup"
TEST = """
from standstill import standstill
runs = []

def test_a_thing():
    runs.append(1)
    standstill.longest = {longest}
    assert len(runs) >= {needed}
"""


@pytest.mark.parametrize(
    ("longest", "needed", "told"),
    [
        (0.0, 1, "1 passed"),
        (0.0, 2, "1 failed"),
        (0.3, 2, "1 passed, 1 rerun"),
        (0.3, 3, "1 failed, 1 rerun"),
    ],
)
def test_what_failed_is_run_again_only_after_a_standstill(
    tmp_path: Path, longest: float, needed: int, told: str
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TEST.format(longest=longest, needed=needed))
    ended = subprocess.run(
        (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)),
        env={"PYTHONPATH": str(TESTS)}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == (0 if "passed" in told else 1)
