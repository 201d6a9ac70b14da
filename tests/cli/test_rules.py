"""Rules as files: what git holds is what is in force."""

from __future__ import annotations

import json
from pathlib import Path

from command import Running, wallet


def rules_file(folder: Path, basis_points: int) -> str:
    rule = {"rule_id": "base", "title": "On everything", "give": {"basis_points": basis_points}}
    path = folder / f"rules-{basis_points}.json"
    path.write_text(json.dumps({"time_zone": "Europe/Berlin", "rules": [rule]}))
    return str(path)


def test_rules_are_applied_compared_and_exported_as_files(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    one, two = rules_file(tmp_path, 100), rules_file(tmp_path, 200)
    assert wallet("rules", "export", "demo", *here).returncode == 1
    bad = wallet("rules", "apply", "demo", rules_file(tmp_path, 20_000), "--publish", *here)
    assert bad.returncode == 1
    assert "rules[0].give.basis_points: RATE_TOO_HIGH" in bad.stderr
    applied = wallet("rules", "apply", "demo", one, "--publish", "--reason", "start", *here)
    assert (applied.returncode, applied.stdout.splitlines()[-1]) == (0, "version 1 is published"), (
        applied.stderr
    )
    again = wallet("rules", "apply", "demo", one, "--publish", *here)
    assert again.stdout.splitlines()[-1] == "version 1 says the same: nothing to publish"
    differing = wallet("rules", "diff", "demo", two, *here)
    assert (differing.returncode, differing.stdout) == (
        1,
        'rules[base].give: {"basis_points":100} -> {"basis_points":200}\n',
    )
    exported = wallet("rules", "export", "demo", *here)
    assert json.loads(exported.stdout) == json.loads(Path(one).read_text())
    wallet("rules", "apply", "demo", two, "--publish", *here)
    back = tmp_path / "back.json"
    back.write_text(wallet("rules", "export", "demo", "--version", "1", *here).stdout)
    assert wallet("rules", "apply", "demo", str(back), "--publish", *here).stdout.endswith(
        "version 3 is published\n"
    )
