"""Fault tests: two service processes of their own for races, and a durable stack to be killed for outages."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# What starts a service and speaks to it is shared with the tests of the calls.
sys.path.append(str(Path(__file__).parent.parent / "service"))

from fixtures import api, bearer, keys, other_api, pair, shared_database_url
from stack import Stack

__all__ = ["api", "bearer", "keys", "other_api", "pair", "shared_database_url"]


@pytest.fixture(scope="session")
def whole_stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="wf-"))
    folder.chmod(0o755)
    with Stack(folder) as stack:
        yield stack
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stack(whole_stack: Stack) -> Stack:
    """A durable PostgreSQL, a Valkey and two services on them, all of them up: a test may kill any of it."""
    whole_stack.heal()
    return whole_stack
