"""Jobs through a real Slurm, and one that it kills.

Opt-in: `RESIDUE_SLURM=PYTHON`, a Python with this project and snakemake-executor-plugin-slurm, as
root on a machine with Debian's slurm-wlm and munge (docs/cluster.md).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.one_node import Cluster, missing, one_node
from tests.workflow.graph import copy_project

PYTHON = os.environ.get("RESIDUE_SLURM", "")
OUT = Path("results/drill")
WEIGHTS = OUT / "models/pair0/base/model.safetensors"
LONGER = """
pretrain:
  shape: {width: 32, blocks: 2, heads: 2, ffn: 32}
  steps: 600
"""
SECONDS = 900

LACKING = missing() or "nothing else"
pytestmark = pytest.mark.skipif(
    not PYTHON or bool(missing()),
    reason=f"opt-in: RESIDUE_SLURM names a Python with the plugin; lacking: {LACKING}",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with one_node(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def start(project: Path, cluster: Cluster, *words: str) -> subprocess.Popen[bytes]:
    """Snakemake with the project's profile for Slurm; it asks often, and its job is alone."""
    own = cluster.env | {
        "PYTHONPATH": str(project / "src"),
        "PATH": f"{Path(PYTHON).parent}:{cluster.env['PATH']}",
    }
    command = [
        PYTHON, "-m", "snakemake", *words, "--profile", "profiles/slurm",
        "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "5",
        "--default-resources", "mem_mb=1000", "runtime=30",
        "--set-resources", "pretrain_model:mem_mb=1000",
    ]  # fmt: skip
    with (project / "out.log").open("wb") as log:
        return subprocess.Popen(command, cwd=project, env=own, stdout=log, stderr=log)


def test_a_job_that_slurm_kills_is_started_again_and_goes_on(
    tmp_path: Path, cluster: Cluster
) -> None:
    project = copy_project(tmp_path)
    (project / "longer.yaml").write_text(LONGER, encoding="utf-8")
    configs = ("--configfile", "config/drill.yaml", "longer.yaml")
    run = start(project, cluster, str(WEIGHTS), *configs)
    until = time.monotonic() + SECONDS
    states = project / OUT / ".state"
    while not [file for file in states.rglob("*") if file.is_file()]:
        assert run.poll() is None, (project / "out.log").read_text()
        assert time.monotonic() < until, (project / "out.log").read_text()
        time.sleep(0.2)
    (job,) = [each for each in cluster.jobs() if each["state"] == "RUNNING"]
    cluster.run("scancel", job["id"])
    assert run.wait(SECONDS) == 0, (project / "out.log").read_text()
    assert (project / WEIGHTS).is_file()
    ended = [(each["comment"].removeprefix("rule_"), each["state"]) for each in cluster.jobs()]
    assert ("train_tokenizer", "COMPLETED") in ended, ended
    assert sorted(state for rule, state in ended if rule.startswith("pretrain_model")) == [
        "CANCELLED",
        "COMPLETED",
    ]
    log = (project / OUT / "logs/pretrain_model/pair0-base.log").read_text()
    assert "goes on at step 200 of 600" in log
