"""A service in the test's own loop, and what loads it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

# The tools are no package that is installed; they are run from the root of the project.
sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.append(str(Path(__file__).parents[1] / "service"))

from rig import in_process

from wallet_service.runtime.config import load_settings
from wallet_service.transport.auth import mint
from wallet_service.transport.scopes import Scope


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(secrets.token_hex(32))
    path.chmod(0o600)
    return path


@pytest.fixture
def load_token(secret_file):
    return mint(secret_file.read_bytes(), "load", list(Scope))


@pytest.fixture
async def target(tmp_path, secret_file, database_url, redis_url):
    """HOST:PORT of a service on servers of the tests."""
    settings = load_settings(
        {
            "data_dir": tmp_path,
            "toy_database": True,
            "auth_hs256_secret_file": secret_file,
            "database_pool_size": 4,
        }
    )
    async with in_process(settings, database_url, redis_url) as address:
        yield address
