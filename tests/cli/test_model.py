"""The anomaly model from the command line, beside a service without any history."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from command import COMMAND, Running, environment, the_one_line, wallet


def test_what_cannot_be_done_to_the_model_is_said_in_a_line(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    listed = wallet("model", "list", "--json", *here)
    assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
    for arguments, said in (
        (("train",), "too few to learn from"),
        (("publish", "3"), "there is no version 3"),
        (("rollback",), "no earlier version was ever published"),
        (("rollback", "--to", "9"), "there is no version 9"),
    ):
        refused = wallet("model", *arguments, *here)
        assert refused.returncode == 1
        assert said in the_one_line(refused)
    labels = tmp_path / "labels.jsonl"
    for line in (
        "nonsense",
        "[]",
        '{"wallet_id": 1}',
        '{"wallet_id": "x", "reservation_id": "y", "fraud": true}',
    ):
        labels.write_text(line + "\n")
        bad = wallet("model", "train", "--labels", str(labels), *here)
        assert bad.returncode == 2
        assert "line 1" in bad.stderr
        assert "Traceback" not in bad.stderr


def test_the_worker_that_learns_stops_when_it_is_told_to(up: Running) -> None:
    process = subprocess.Popen(
        (*COMMAND, "model", "work", "--data-dir", str(up.data_dir)),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    while "learning" not in said:
        said = process.stderr.readline()
        assert said, "it ended by itself"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
