"""Whole runs through a real Slurm, and jobs that it ends: by command, by time, by memory.

Opt-in: `RESIDUE_SLURM=PYTHON`, a Python with this project and snakemake-executor-plugin-slurm, as
root on a machine with Debian's slurm-wlm and munge (docs/cluster.md).
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.one_node import Cluster, missing, one_node
from tests.end_to_end.drill import tables
from tests.workflow.graph import copy_project, snakemake

PYTHON = os.environ.get("RESIDUE_SLURM", "")
DRILL = ("--configfile", "config/drill.yaml")
OUT = Path("results/drill")
WEIGHTS = OUT / "models/pair0/base/model.safetensors"
LOG = OUT / "logs/pretrain_model/pair0-base.log"
SHAPE = "{width: 32, blocks: 2, heads: 2, ffn: 32}"
SECONDS = 1800

LACKING = missing() or "nothing else"
pytestmark = pytest.mark.skipif(
    not PYTHON or bool(missing()),
    reason=f"opt-in: RESIDUE_SLURM names a Python with the plugin; lacking: {LACKING}",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with one_node(tmp_path_factory.mktemp("slurm")) as running:
        yield running


class Run:
    """Snakemake on a copy of the project with its profile for Slurm; it asks often."""

    def __init__(self, folder: Path, cluster: Cluster, steps: int | None, *words: str) -> None:
        """steps: of the pretraining, whose weights alone are asked for; None asks for all."""
        self.project, self.cluster = copy_project(folder), cluster
        asked: list[str] = list(DRILL)
        if steps:
            (self.project / "longer.yaml").write_text(
                f"pretrain: {{shape: {SHAPE}, steps: {steps}}}"
            )
            asked = [str(WEIGHTS), *asked, "longer.yaml"]
        own = cluster.env | {
            "PYTHONPATH": str(self.project / "src"),
            "PATH": f"{Path(PYTHON).parent}:{cluster.env['PATH']}",
        }
        command = [
            PYTHON, "-m", "snakemake", *asked, "--profile", "profiles/slurm",
            "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks",
            "5", *words,
        ]  # fmt: skip
        self.before = {job["id"] for job in cluster.jobs()}
        with (self.project / "out.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.project, env=own, stdout=log, stderr=log
            )

    @property
    def said(self) -> str:
        """What Snakemake printed so far."""
        return (self.project / "out.log").read_text()

    def jobs(self, rule: str) -> list[dict[str, str]]:
        """Slurm's jobs of a rule, the first started first."""
        own = [each for each in self.cluster.jobs() if each["id"] not in self.before]
        found = [each for each in own if each["comment"].startswith(f"rule_{rule}")]
        return sorted(found, key=lambda each: int(each["id"]))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something while Snakemake runs."""
        until = time.monotonic() + SECONDS
        while not holds():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.2)

    def saved(self) -> bool:
        """Whether a training has saved a state."""
        return any(file.is_file() for file in (self.project / OUT / ".state").rglob("*"))

    def went_on(self) -> bool:
        """Whether the pretraining's log says that it began where an earlier one had got to."""
        log = self.project / LOG
        return log.is_file() and bool(re.search(r"goes on at step \d+ of", log.read_text()))


def test_a_job_that_slurm_cancels_is_started_again_and_goes_on(
    tmp_path: Path, cluster: Cluster
) -> None:
    run = Run(tmp_path, cluster, 600)
    run.wait_until(run.saved)
    (job,) = [each for each in run.jobs("pretrain_model") if each["state"] == "RUNNING"]
    cluster.run("scancel", job["id"])
    assert run.process.wait(SECONDS) == 0, run.said
    assert [job["state"] for job in run.jobs("train_tokenizer")] == ["COMPLETED"]
    ended = [job["state"] for job in run.jobs("pretrain_model")]
    assert ended == ["CANCELLED", "COMPLETED"]
    assert run.went_on()


def test_a_job_out_of_time_is_named_and_goes_on_with_twice_the_time(
    tmp_path: Path, cluster: Cluster
) -> None:
    run = Run(tmp_path, cluster, 200_000, "--set-resources", "pretrain_model:runtime=1 * attempt")
    run.wait_until(lambda: len(run.jobs("pretrain_model")) > 1 and run.went_on())
    first, second = run.jobs("pretrain_model")
    assert first["state"] == "TIMEOUT"
    assert second["limit"] == "2:00"
    cluster.run("scancel", second["id"])
    assert run.process.wait(SECONDS) != 0  # it is started twice, not for ever
    assert "DUE TO TIME LIMIT; give it more runtime" in run.said
    assert len(run.jobs("pretrain_model")) == 2
    assert run.saved()  # so that the next run goes on from there


def test_a_job_out_of_memory_is_named_and_succeeds_with_more(
    tmp_path: Path, cluster: Cluster
) -> None:
    run = Run(
        tmp_path, cluster, 600, "--set-resources", "pretrain_model:mem_mb=300 * 10 ** (attempt - 1)"
    )
    assert run.process.wait(SECONDS) == 0, run.said
    first, second = run.jobs("pretrain_model")
    assert (first["state"], second["state"]) == ("FAILED", "COMPLETED")
    log = next((run.project / ".snakemake/slurm_logs").rglob(f"{first['id']}.log"))
    assert "exceeded memory limit" in log.read_text()
    assert (run.project / WEIGHTS).is_file()


def test_a_whole_run_through_slurm_gives_the_bytes_of_a_local_one(
    tmp_path: Path, cluster: Cluster
) -> None:
    run = Run(tmp_path / "slurm", cluster, None)
    assert run.process.wait(SECONDS) == 0, run.said
    assert "Nothing to be done" in snakemake(run.project, "-n", *DRILL).stdout
    local = copy_project(tmp_path / "local")
    snakemake(local, "--cores", "2", *DRILL)
    there, here = tables(run.project), tables(local)
    assert set(there) == set(here)
    assert [name for name in here if there[name] != here[name]] == []
