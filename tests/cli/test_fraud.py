"""Fraud policies as files, and what came of them."""

from __future__ import annotations

import json
from pathlib import Path

from command import Running, called, wallet


def policy_file(folder: Path, above: int, **fields: object) -> str:
    limit = {
        "name": "MANY",
        "measure": "count",
        "window": "hour",
        "above": above,
        "verdict": "review",
        **fields,
    }
    path = folder / f"policy-{above}.json"
    path.write_text(json.dumps({"limits": [limit]}))
    return str(path)


def test_policies_are_applied_compared_and_exported_as_files(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    one, two = policy_file(tmp_path, 100), policy_file(tmp_path, 200)
    missing = wallet("fraud", "policy", "export", "demo", *here)
    assert (missing.returncode, "FRAUD_POLICY_NOT_FOUND" in missing.stderr) == (1, True)
    bad = wallet("fraud", "policy", "apply", "demo", policy_file(tmp_path, 3, verdict="allow"), *here)
    assert bad.returncode == 1
    assert "limits[0].verdict: WRONG_VERDICT" in bad.stderr
    applied = wallet("fraud", "policy", "apply", "demo", one, "--reason", "start", *here)
    assert (applied.returncode, applied.stdout) == (0, "version 1 is in force\n"), applied.stderr
    again = wallet("fraud", "policy", "apply", "demo", one, *here)
    assert again.stdout == "version 1 says the same: nothing to do\n"
    differing = wallet("fraud", "policy", "diff", "demo", two, *here)
    assert (differing.returncode, differing.stdout) == (1, "limits.MANY.above: 100 -> 200\n")
    exported = wallet("fraud", "policy", "export", "demo", *here)
    assert json.loads(exported.stdout) == json.loads(Path(one).read_text())
    report = wallet("fraud", "report", "demo", *here)
    assert (report.returncode, report.stdout) == (0, "nothing was judged in this time\n"), report.stderr
    assert wallet("fraud", "report", "demo", "--since", "2026-01-01", "--json", *here).stdout == ""


def test_a_trusted_device_is_listed_by_the_hash_that_a_command_says(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    said = [
        called("fraud", "hash", "demo", told, "the till", *here) for told in ("--fingerprint", "--address")
    ]
    hashes = [each.stdout.strip() for each in said]
    assert [len(each) for each in hashes] == [32, 32], said
    assert hashes[0] != hashes[1]
    file = tmp_path / "trusting.json"
    file.write_text(json.dumps({"trusted": {"devices": [hashes[0]], "addresses": [hashes[1]]}}))
    applied = called("fraud", "policy", "apply", "demo", str(file), *here)
    assert applied.returncode == 0, applied.stderr
    both = called("fraud", "hash", "demo", "--address", "a", "--app", "b", *here)
    assert both.returncode == 2
