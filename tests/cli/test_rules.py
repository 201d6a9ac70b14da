"""Rules as files: what git holds is what is in force."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import Result
from command import Running, wallet
from typer.testing import CliRunner

from wallet_service.cli.app import app


def told(*arguments: str) -> Result:
    """Run one command in this process: what a start of its own costs is tried above all others."""
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})


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


def test_a_folder_that_was_exported_is_in_force_as_it_is(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    mine = tmp_path / "mine"
    for name, content in {
        "campaigns/june.json": {
            "campaign_id": "june", "title": "=June", "starts_at": "2026-06-01T00:00", "ends_at": "2026-07-01T00:00",
            "budget": 500, "funding_account": "supplier-7",
        },
        "segments/grown.json": {
            "segment_id": "grown", "title": "Grown", "rule": {"all_of": [{"name": "age", "at_least": 18}]},
        },
        "ruleset.json": {
            "time_zone": "UTC",
            "rules": [
                {"rule_id": "june", "title": "June", "give": {"basis_points": 100}, "campaign": "june",
                 "when": {"segments": ["grown"]}}
            ],
        },
    }.items():  # fmt: skip
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(json.dumps(content))
    applied = told("rules", "apply", "demo", str(mine), "--publish", *here)
    assert applied.exit_code == 0, applied.stderr
    assert applied.stdout.splitlines()[:2] == ["campaign june: new", "segment grown: new"]
    theirs = tmp_path / "theirs"
    written = told("rules", "export", "demo", "--to", str(theirs), *here)
    assert written.stdout.split() == ["campaigns/june.json", "ruleset.json", "segments/grown.json"]
    assert told("rules", "export", "demo", "--to", str(theirs), *here).stdout == ""
    assert told("rules", "diff", "demo", str(mine), *here).exit_code == 0
    nothing = told("rules", "apply", "demo", str(theirs), "--publish", *here).stdout
    assert nothing.splitlines()[0].endswith("says the same: nothing to publish")
    campaign = theirs / "campaigns" / "june.json"
    campaign.write_text(campaign.read_text().replace("500", "900"))
    differing = told("rules", "diff", "demo", str(theirs), *here)
    assert differing.stdout == "campaigns[june].budget: 500 -> 900\n"
    assert "campaign" not in told("rules", "apply", "demo", str(theirs), *here).stdout
    assert "june: changed" in told("rules", "apply", "demo", str(theirs), "--publish", *here).stdout


def test_all_files_that_cannot_be_read_are_said_before_anything_is_written(
    up: Running, tmp_path: Path
) -> None:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "may.json").write_text('{"campaign_id": "mai", "colour": "red"}')
    (tmp_path / "campaigns" / "new.json").write_text(
        '{"campaign_id": "newer", "title": "", "starts_at": "2026-06-01T00:00", "ends_at": "x", "budget": 1}'
    )
    (tmp_path / "ruleset.json").write_text("{")
    refused = told("rules", "apply", "demo", str(tmp_path), "--data-dir", str(up.data_dir))
    assert refused.exit_code == 1
    said = refused.stderr
    assert "campaigns/may.json: colour: UNKNOWN_FIELD" in said
    assert "campaigns/may.json: budget: MISSING_FIELD" in said
    assert "campaigns/new.json: campaign_id: CONTRADICTION" in said
    assert "NOT_JSON" in said
    assert refused.stdout == ""


def test_a_list_of_customers_is_imported_whole_or_not_at_all(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    file = tmp_path / "vip.csv"
    file.write_text("customer_ref,action\nanna,add\n,add\nben,maybe\neve\nanna,remove\n")
    command = ("rules", "segments", "import", "demo", str(file), "--segment", "vip")
    bad = told(*command, "--title", "VIP", *here)
    assert bad.exit_code == 1
    assert [line.split(":")[0] for line in bad.stderr.splitlines()] == [f"line {n}" for n in (3, 4, 5, 6)]
    file.write_text('\ufeffcustomer_ref\nanna\n"=1+1"\n@ben\n')
    assert "SEGMENT_NOT_FOUND" in told(*command, *here).stderr
    good = told(*command, "--title", "VIP", *here)
    assert good.stdout == "segment vip: 3 lines, 3 customers on its list\n", good.stderr
    listed = told("rules", "segments", "list", "demo", "--json", *here).stdout.splitlines()
    assert [json.loads(line)["members"] for line in listed if '"vip"' in line] == [3]


def test_a_backtest_is_a_table_a_json_line_and_a_picture(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    span = ("--from", "2026-01-01", "--to", "2026-06-01")
    told("rules", "apply", "demo", rules_file(tmp_path, 300), *here)
    picture = tmp_path / "backtest.svg"
    shown = told("rules", "backtest", "file", *span, "--picture", str(picture), *here)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("0 events with 0 lines of 0 customers, in EUR\n")
    assert picture.read_text().startswith("<svg ")
    as_json = told("rules", "backtest", "file", *span, "--program", "demo", "--json", *here)
    assert json.loads(as_json.stdout)["given"] == {"trial": 0, "in_force": 0}
    absent = told("rules", "backtest", "nobody", *span, *here)
    assert (absent.exit_code, "RULESET_NOT_FOUND" in absent.stderr) == (1, True)


def test_who_wrote_a_draft_cannot_publish_it_where_a_second_person_is_asked_for(
    up: Running, tmp_path: Path
) -> None:
    here = ("--data-dir", str(up.data_dir))
    asked = told("rules", "policy", "demo", "--second-person", *here)
    assert asked.stdout == "demo: a second person publishes\n", asked.stderr
    try:
        alone = told("rules", "apply", "demo", rules_file(tmp_path, 700), "--publish", *here)
        assert (alone.exit_code, "SECOND_PERSON_NEEDED" in alone.stderr) == (1, True)
    finally:
        assert told("rules", "policy", "demo", "--no-second-person", *here).exit_code == 0
