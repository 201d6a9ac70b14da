"""Makes .venv hold what a make target needs, and does nothing when it already does.

Runs on any Python >= 3.11 with nothing installed. Requirements are pinned by hash; a stamp per requirement file says
what was installed, so that a second run costs a few file reads.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMPS = VENV / ".stamps"
SETS = ("run", "test", "demo", "bench", "load")
EDITABLE = (ROOT, ROOT / "clients" / "python")
ENVIRONMENT = {
    **os.environ,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_NO_INPUT": "1",
}


def main() -> int:
    """Install the named set, one process at a time."""
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004
    if wanted not in SETS:
        print(f"usage: bootstrap.py {'|'.join(SETS)}", file=sys.stderr)
        return 2
    try:
        with Path(__file__).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ensure(wanted)
    except (OSError, subprocess.CalledProcessError) as fault:
        print(f"bootstrap failed: {explain(fault)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what is half installed has no stamp, and is installed again
    return 0


def ensure(wanted: str) -> None:
    """Bring the environment up to date for one set."""
    if not usable():
        shutil.rmtree(VENV, ignore_errors=True)
        print("making .venv", flush=True)
        run(sys.executable, "-m", "venv", str(VENV))
        STAMPS.mkdir()
        (STAMPS / "root").write_text(str(ROOT))
    requirements = requirement_file(wanted)
    if not satisfied(wanted):
        print(f"installing {requirements.relative_to(ROOT)} (once; a minute or two)", flush=True)
        pip("install", "--require-hashes", "-r", str(requirements))
        (STAMPS / wanted).write_text(digest(requirements))
    projects = [folder for folder in EDITABLE if (folder / "pyproject.toml").exists()]
    described = "\n".join(f"{folder} {digest(folder / 'pyproject.toml')}" for folder in projects)
    if read(STAMPS / "editable") != described:
        flags = [flag for folder in projects for flag in ("-e", str(folder))]
        pip("install", "--no-build-isolation", "--no-deps", *flags)
        (STAMPS / "editable").write_text(described)


def usable() -> bool:
    """Whether .venv was made here (its scripts name this folder) and its Python still exists."""
    return (VENV / "bin" / "python").exists() and read(STAMPS / "root") == str(ROOT)


def satisfied(wanted: str) -> bool:
    """Whether sets that are installed as they are now written cover every pin of the wanted one."""
    installed = [name for name in SETS if read(STAMPS / name) == digest(requirement_file(name))]
    covered = {pin for name in installed for pin in pins(requirement_file(name))}
    return pins(requirement_file(wanted)) <= covered


def pins(path: Path) -> set[str]:
    """Return the `name==version` of each requirement."""
    return set(re.findall(r"^[A-Za-z0-9._\[\],-]+==[^\s;\\]+", path.read_text(), re.MULTILINE))


def requirement_file(name: str) -> Path:
    """Return the pinned requirements of a set."""
    return ROOT / "requirements" / f"{name}.txt"


def digest(path: Path) -> str:
    """Return a digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> str:
    """Return a stamp, or nothing."""
    return path.read_text() if path.is_file() else ""


def pip(*arguments: str) -> None:
    """Run the environment's pip, quietly."""
    run(str(VENV / "bin" / "python"), "-m", "pip", "--quiet", *arguments)


def run(*argv: str) -> None:
    """Run a program; its words are shown only when it fails."""
    ended = subprocess.run(
        argv, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode:
        print(ended.stdout.rstrip(), file=sys.stderr)
        raise subprocess.CalledProcessError(ended.returncode, argv)


def explain(fault: Exception) -> str:
    """Say what to do about it."""
    if isinstance(fault, subprocess.CalledProcessError) and "venv" in fault.cmd:
        return "no virtual environment could be made; on Debian and Ubuntu: apt install python3-venv"
    if isinstance(fault, subprocess.CalledProcessError):
        return (
            f"{Path(fault.cmd[0]).name} {' '.join(fault.cmd[1:4])} ended with {fault.returncode}, see above"
        )
    return f"{fault} (is {ROOT} yours to write to?)"


if __name__ == "__main__":
    sys.exit(main())
