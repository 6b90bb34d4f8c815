"""What a run says at its end: jobs and cost after a good one, the reasons after a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from residue import account


def note(folder: Path, output: str, stage: str, finished: str, cpu: float) -> str:
    manifest = {
        "stage": stage, "spec": {"wildcards": {}}, "inputs": {}, "finished": finished,
        "cpu_seconds": cpu,
    }  # fmt: skip
    (folder / f"{output}.manifest.json").write_text(json.dumps(manifest))
    return str(folder / output)


def test_what_ran_and_what_was_there_are_told_apart_by_time(tmp_path: Path) -> None:
    since = 1_700_000_000.7  # 2023-11-14T22:13:20.7Z
    outputs = [
        note(tmp_path, "a", "record", "2023-11-14T22:13:19Z", 4.0),
        note(tmp_path, "b1", "measure", "2023-11-14T22:13:20Z", 1.5),
        note(tmp_path, "b2", "measure", "2023-11-14T22:13:20Z", 1.5),
        note(tmp_path, "c", "estimate", "2023-11-14T22:14:00Z", 2.0),
        str(tmp_path / "never made"),
    ]
    assert account.of_run(outputs, since).splitlines() == [
        "ran:       2 jobs      3.5 CPU-s (estimate 1, measure 1)",
        "reused:    1 jobs      4.0 CPU-s, spent before (record 1)",
    ]
    assert account.of_run(outputs, since + 3600).startswith("reused:    3 jobs")


@pytest.mark.parametrize(
    ("ending", "said", "reason"),
    [
        ("returned non-zero exit status 1.", "x\nERROR measure: no luck.", "no luck."),
        ("returned non-zero exit status 1.", "bash: no such file", "bash: no such file"),
        ("died with <Signals.SIGKILL: 9>.", "12:00:00 measure {}", "SIGKILL; often memory ran out"),
        ("returned non-zero exit status 137.", "", "ended from outside by SIGKILL"),
        ("died with <Signals.SIGTERM: 15>.", "", "ended from outside by SIGTERM."),
        ("returned non-zero exit status 2.", "", "it wrote nothing into its log."),
    ],
)  # fmt: skip
def test_a_failed_job_is_named_with_its_reason_and_its_log(
    tmp_path: Path, ending: str, said: str, reason: str
) -> None:
    log = tmp_path / "measure.log"
    log.write_text("\n".join(f"line {i}" for i in range(50)) + "\n" + said)
    if not said:
        log.write_text("")
    snakemakes = tmp_path / "snakemake.log"
    snakemakes.write_text(
        "RuleException:\nCalledProcessError in file \"rules/measures.smk\", line 27:\n"
        f"Command 'set -euo pipefail;  exec python \"$RESIDUE_ROOT/workflow_scripts/measure.py\" "
        f"--spec '{{\"a\":1}}' --gpu 0 > {log} 2>&1' {ending}\nShutting down\n"
    )  # fmt: skip
    lines = account.of_failure([snakemakes]).splitlines()
    reasons = lines[lines.index("---") + 1 :]
    assert reasons[0].startswith("ERROR measure: ")
    assert reason in reasons[0]
    assert reasons[1] == f"  log: {log}"
    assert len(lines) <= account.LAST_LINES + 5


def test_a_run_that_stopped_without_a_failed_job_points_to_snakemakes_message(
    tmp_path: Path,
) -> None:
    assert "Snakemake's message" in account.of_failure([tmp_path / "missing.log"])
