"""The import contracts catch what they are for: violations are planted in a copy, and each wall must fall."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from project_files import ROOT, SERVICE

PLANTED = {
    "Slices flow one way": ("ledger/service.py", "wallet_service.checkout.policy"),
    "Rooms of the ledger flow one way": ("ledger/batcher.py", "wallet_service.ledger.service"),
    "Rooms of every other slice flow one way": ("checkout/policy.py", "wallet_service.checkout.service"),
    "Rooms of the rings and of the anomaly model": (
        "fraud/rings/policy.py",
        "wallet_service.fraud.rings.service",
    ),
    "Rooms of the rules flow one way": ("rules/rounding.py", "wallet_service.rules.policy"),
    "Rooms of fraud flow one way": ("fraud/plan.py", "wallet_service.fraud.service"),
    "The decision reads in one direction": ("ledger/decide/lots.py", "wallet_service.ledger.decide.draft"),
    "Pure rooms do no I/O": ("ledger/decide/settle.py", "time"),
    "Wire types stop at the edge": ("checkout/service.py", "wallet.v1.types_pb2"),
    "Drivers stop at the stores": ("ledger/watch.py", "asyncpg"),
}


def contracts(folder: Path) -> dict[str, str]:
    """Check a copy of the project; return each contract's verdict."""
    ran = subprocess.run(
        [
            str(Path(sys.executable).parent / "lint-imports"),
            "--no-cache",
            "--config",
            str(folder / "pyproject.toml"),
        ],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)", ran.stdout, re.MULTILINE))
    assert verdicts, ran.stdout + ran.stderr
    return verdicts


def test_each_contract_is_broken_by_the_import_that_it_forbids(tmp_path):
    shutil.copytree(SERVICE, tmp_path / "wallet_service", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, imported in PLANTED.values():
        with (tmp_path / "wallet_service" / file).open("a") as module:
            module.write(f"\nimport {imported}\n")
    verdicts = contracts(tmp_path)
    for name in PLANTED:
        (verdict,) = [said for contract, said in verdicts.items() if contract.startswith(name)]
        assert verdict == "BROKEN", f"{name} did not notice"
    assert len(verdicts) == len(PLANTED), "a contract has no planted violation"
