"""The project's own files, as the checks of form read them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "wallet_service"
CLIENT = ROOT / "clients" / "python"
OWN_PYTHON = (SERVICE, CLIENT / "wallet_client", ROOT / "tools", ROOT / "loadtest")


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    """Return every module that ships or builds, parsed."""
    paths = [path for folder in OWN_PYTHON for path in sorted(folder.rglob("*.py"))]
    return tuple((path, ast.parse(path.read_text())) for path in paths)


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    """Yield every node of these kinds with the file it stands in."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield path, node


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return what git knows, and what is new but not ignored; in an unpacked archive, everything."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    paths = [ROOT / name for name in names] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(path for path in paths if path.is_file())


def shown(path: Path, line: int | None = None) -> str:
    """Return where something is, as an editor understands it."""
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    return name if line is None else f"{name}:{line}"


def sql_files(*, migrations: bool = False) -> list[Path]:
    """Return the statements and functions of all slices."""
    found = [path for path in sorted(SERVICE.rglob("*.sql")) if "migrations" not in path.parts]
    if migrations:
        folder = SERVICE / "migrations"
        found += [path for path in sorted(folder.glob("*.sql")) if path.name != "snapshot.sql"]
    return found


def code_of(path: Path) -> str:
    """Return a SQL file without its comments."""
    return "\n".join(line.partition("--")[0] for line in path.read_text().splitlines())
