"""The embedded servers: one owner, kept data, death with the parent, one clear line when something is wrong."""

import os
import signal
import socket
import subprocess
import sys

import asyncpg
import psutil
import pytest
import redis

from wallet_service.runtime.child_server import ChildServer
from wallet_service.runtime.embedded import EmbeddedPostgres, start_embedded
from wallet_service.runtime.errors import StartError


async def test_data_survives_a_kill_and_a_restart(own_postgres):
    own_postgres.start()
    connection = await asyncpg.connect(own_postgres.url)
    await connection.execute("create table kept (n int); insert into kept values (7)")
    own_postgres.kill()
    connection.terminate()
    own_postgres.start()
    connection = await asyncpg.connect(own_postgres.url)
    assert await connection.fetchval("select n from kept") == 7
    await connection.close()


async def test_the_default_server_is_durable_and_not_on_the_network(own_postgres):
    own_postgres.start()
    connection = await asyncpg.connect(own_postgres.url)
    for setting, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "jit": "off",
    }.items():
        assert await connection.fetchval("select current_setting($1)", setting) == value
    await connection.close()


async def test_loopback_asks_for_the_password(own_postgres):
    own_postgres.start(tcp=True)
    connection = await asyncpg.connect(own_postgres.tcp_url)
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:wrong@127.0.0.1:{own_postgres.port}/postgres")


def test_a_second_owner_of_the_data_is_refused_in_one_line(own_postgres):
    with pytest.raises(StartError) as refused:
        EmbeddedPostgres(own_postgres.home)
    assert str(os.getpid()) in str(refused.value)
    assert "WALLET_DATA_DIR" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_both_servers_start_under_one_folder_and_stop(tmp_path, short_dir):
    servers = start_embedded(short_dir / "both")
    with redis.Redis.from_url(servers.valkey.url) as client:
        assert client.ping()
    servers.stop()
    assert not servers.postgres.running
    assert not servers.valkey.running


def test_a_long_or_unusual_folder_gets_a_short_socket(short_dir):
    with EmbeddedPostgres(short_dir / ("long, and with a space " + "x" * 90)) as server:
        server.start()
        path = server.socket_dir / f".s.PGSQL.{server.port}"
        assert len(str(path)) <= 107
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not server.socket_dir.exists()


def test_a_server_dies_with_its_owner_and_the_next_owner_starts(short_dir):
    home = short_dir / "orphan"
    code = (
        "import pathlib, sys, time\n"
        "from wallet_service.runtime.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()\n"
        "print(server.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
    ) as owner:
        server_pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    with EmbeddedPostgres(home) as server:
        server.start()
        assert server.process.pid != server_pid
    assert not psutil.pid_exists(server_pid) or psutil.Process(server_pid).status() == psutil.STATUS_ZOMBIE


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_block_the_start(own_postgres):
    own_postgres.start()
    pid_file = own_postgres.home / "data" / "postmaster.pid"
    left_behind = pid_file.read_text().splitlines()
    own_postgres.kill()
    pid_file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")
    own_postgres.start()
    assert own_postgres.running


def test_a_server_that_cannot_start_says_why(own_postgres):
    with pytest.raises(StartError, match="did not start"):
        own_postgres.start(settings={"no_such_setting": "1"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that others cannot enter")
async def test_root_can_run_it_below_a_closed_folder(short_dir):
    closed = short_dir / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "pg") as server:
        server.start()
        connection = await asyncpg.connect(server.url)
        await connection.close()
        assert (closed / "pg" / "data").stat().st_uid == 0


def test_an_absent_wheel_is_named():
    from wallet_service.runtime.child_server import package_folder

    with pytest.raises(StartError, match="DATABASE_URL"):
        package_folder("no_such_wheel")
    assert issubclass(EmbeddedPostgres, ChildServer)
