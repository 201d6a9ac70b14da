"""Everything that must hold before a change lands, in one command: `make test`. The first failure ends it.

Each step prints one line; its words are shown only when it fails. Arguments go to pytest and leave the other steps out.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROCESSES_MAX = 4
"""Each process of tests has servers of its own; more of them than this were never tried."""
BIN = Path(sys.executable).parent
STEP_SECONDS = 600

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("generated code, buf lint and breaking", ("python", "tools/generate.py", "--check")),
    ("import contracts", ("lint-imports", "--no-cache")),
    ("types", ("mypy", "--strict")),
    ("SQL", ("sqlfluff", "lint", "--processes", "2", "wallet_service")),
)


def main() -> int:
    """Run the steps, then the tests."""
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    for name, (program, *rest) in () if arguments else STEPS:
        started = time.monotonic()
        ended = subprocess.run(
            (str(BIN / program), *rest),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=STEP_SECONDS,
        )
        if ended.returncode:
            print(f"{ended.stdout.rstrip()}\n\nFAILED: {name}", flush=True)
            return 1
        print(f"ok  {name} ({time.monotonic() - started:.1f} s)", flush=True)
    tests = subprocess.run((str(BIN / "python"), "-m", "pytest", *(arguments or side_by_side())), check=False)
    if tests.returncode:
        print("\nFAILED: tests", flush=True)
    return tests.returncode


def side_by_side() -> tuple[str, ...]:
    """Return what makes pytest use all processors; servers that were given are one set, which one process has to itself."""
    if "DATABASE_URL" in os.environ or "REDIS_URL" in os.environ:
        return ()
    # A file stays together, for what its tests share; in the order of the folders the long files do not come last.
    return ("-n", "logical", f"--maxprocesses={PROCESSES_MAX}", "--dist=loadfile", "--no-loadscope-reorder")


if __name__ == "__main__":
    sys.exit(main())
