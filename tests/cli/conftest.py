from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Running


@pytest.fixture(scope="module")
def open_dir() -> Iterator[Path]:
    """A folder that others may enter, with a name short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="wc-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def up(open_dir: Path) -> Iterator[Running]:
    """`wallet up --demo-checkout`, once for a module's tests, which only look."""
    running = Running.start("up", "--demo-checkout", data_dir=open_dir / "d")
    try:
        yield running
    finally:
        running.stop()
