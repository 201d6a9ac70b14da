"""What deploy/ says is what the service understands."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from wallet_service.runtime.config import PREFIX, Settings
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.embedded import postgres_program
from wallet_service.runtime.errors import StatementFailed
from wallet_service.runtime.migrate import migrate

DEPLOY = Path(__file__).parents[2] / "deploy"
KNOWN = {PREFIX + name.upper() for name in Settings.model_fields}
# Of the database's image, not of the service.
ROLE_PASSWORDS = {"WALLET_OWNER_PASSWORD", "WALLET_SERVICE_PASSWORD"}


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml", "healthcheck.py", "../Dockerfile"])
def test_every_variable_in_deploy_is_a_setting(name):
    named = set(re.findall(r"\bWALLET_[A-Z0-9_]*[A-Z0-9]\b", (DEPLOY / name).read_text()))
    assert named - ROLE_PASSWORDS <= KNOWN


def test_the_supervisors_wait_longer_than_the_drain():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    drain = Settings.model_fields["drain_seconds"].default
    assert int(compose["services"]["wallet"]["stop_grace_period"].removesuffix("s")) > drain
    deployment = next(
        part
        for part in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
        if part["kind"] == "Deployment"
    )
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain + 5


async def test_the_production_roles_can_migrate_and_serve_and_do_no_more(own_postgres):
    own_postgres.start(tcp=True)
    psql = await asyncio.create_subprocess_exec(
        *(str(postgres_program("psql")), own_postgres.url, "--quiet", "--set=ON_ERROR_STOP=1"),
        *("--set=owner_password=o", "--set=service_password=s", f"--file={DEPLOY / 'postgres-roles.sql'}"),
        env={"PATH": "/usr/bin:/bin"},
    )
    assert await psql.wait() == 0
    place = f"127.0.0.1:{own_postgres.port}/wallet"
    await migrate(f"postgresql://wallet_owner:o@{place}")
    database = await Database.open(DatabaseOptions(url=f"postgresql://wallet_login:s@{place}"))
    assert await database.fetchval("select count(*) from ledger.entry", timeout_seconds=5) == 0
    for forbidden in (
        "delete from ledger.entry",
        "truncate ledger.entry",
        "update ledger.wallet set version = 0",
    ):
        with pytest.raises(StatementFailed, match="permission denied"):
            await database.execute(forbidden, timeout_seconds=5)
    await database.close()


@pytest.mark.parametrize(
    ("status", "code"),
    [(health_pb2.HealthCheckResponse.SERVING, 0), (health_pb2.HealthCheckResponse.NOT_SERVING, 1), (None, 1)],
)
async def test_the_healthcheck_tells_serving_from_not(status, code):
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    if status is not None:
        await servicer.set("", status)
        await server.start()
    check = await asyncio.create_subprocess_exec(
        *(sys.executable, str(DEPLOY / "healthcheck.py")),
        env={"WALLET_GRPC_PORT": str(port), "WALLET_GRPC_HOST": "0.0.0.0"},
        stderr=subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(check.wait(), 10) == code
    await server.stop(0)
