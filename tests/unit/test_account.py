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


def test_what_slurm_ended_is_told_apart_from_what_failed_there(tmp_path: Path) -> None:
    """The logs' wording is that of Slurm 22.05 and version 2.8.0 of the plugin."""
    said = {
        "rule_record/7.log": "slurmstepd-vm: error: *** JOB 7 ON vm CANCELLED AT 2026-11-21T21:48"
        " DUE TO TIME LIMIT ***\nCommand 'python x/workflow_scripts/record.py --spec {} > "
        "own.log 2>&1' returned non-zero exit status 143.\n",
        "rule_record/8.log": "slurmstepd-vm: error: StepId=8.0 exceeded memory limit (6 > 2), "
        "being killed\n",
        "rule_measure/9.log": "Command 'python x/workflow_scripts/measure.py --spec {} > "
        f"{tmp_path}/measure.log 2>&1' returned non-zero exit status 1.\n",
    }
    (tmp_path / "measure.log").write_text("ERROR measure: the deck is empty.\n")
    lines = []
    for name, text in said.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        lines.append(f"Job 1 has been submitted with SLURM jobid {file.stem} (log: {file}).")
    lines.append(f"Job 2 has been submitted with SLURM jobid 3 (log: {tmp_path}/gone/3.log).")
    (tmp_path / "snakemake.log").write_text("\n".join(lines))
    told = account.of_failure([tmp_path / "snakemake.log"]).splitlines()
    errors = [line for line in told if line.startswith("ERROR") and "deck" not in line]
    assert [line.split(";")[1] for line in errors] == [
        " give it more runtime under set-resources of the profile.",
        " give it more mem_mb under set-resources of the profile.",
    ]
    assert "JOB 7 ON vm CANCELLED" in errors[0]
    assert told.count("ERROR measure: the deck is empty.") == 2  # its log's end, then the reason
    assert not [line for line in told if "own.log" in line or "gone" in line]
