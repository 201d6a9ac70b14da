"""What the documentation shows runs as it stands there."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from rig import Api, ServiceProcess
from wallet.v1 import admin_pb2, wallet_pb2

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "python" / "examples"
RUN_SECONDS = 40


async def make_demo_program(api: Api) -> None:
    """Make the program that `make run` has."""
    program = admin_pb2.Program(
        program_id="demo", display_name="Demo", mode=admin_pb2.PROGRAM_MODE_LIVE, asset="EUR", exponent=2,
        currency="EUR", rate_numerator=1, rate_denominator=1,
        redemption=admin_pb2.RedemptionPolicy(
            maximum_share_bp=5_000, step_minor=1, quote_ttl_seconds=300, reservation_ttl_seconds=900,
            reservation_ttl_seconds_max=3_600,
        ),
    )  # fmt: skip
    said = wallet_pb2.Accountability(actor="test", reason="examples")
    await api(admin_pb2.PutProgramRequest(program=program, accountability=said))


async def output_of(example: str, address: str, bearer: str) -> str:
    """Run an example and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / example), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "WALLET_TARGET": address, "WALLET_TOKEN": bearer},
    )  # fmt: skip
    async with asyncio.timeout(RUN_SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
async def test_every_example_runs_against_a_service(
    pair: tuple[ServiceProcess, ServiceProcess], api: Api, bearer: str, example: str
):
    await make_demo_program(api)
    said = await output_of(example, pair[1].address, bearer)
    assert "another device was faster" not in said
    assert len(said.splitlines()) > 1
