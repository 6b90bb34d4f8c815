"""Kills, cores and clones on `config/drill.yaml`: the same bytes whatever happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.graph import copy_project, snakemake

pytestmark = pytest.mark.end_to_end
DRILL = ("--configfile", "config/drill.yaml")
OUT = Path("results/drill")


def tables(project: Path) -> dict[str, bytes]:
    """Every published file but logs, benchmarks, manifests and arm weights' time stamps."""
    out = project / OUT
    skipped = {"logs", "benchmarks", ".state"}
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.relative_to(out).parts[0] not in skipped
        and not path.name.endswith(".manifest.json")
        and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished drill run."""
    project = copy_project(tmp_path_factory.mktemp("drill"))
    snakemake(project, "--cores", "2", *DRILL)
    return project


def test_after_a_full_run_there_is_nothing_to_do(done: Path) -> None:
    assert "Nothing to be done" in snakemake(done, "-n", *DRILL).stdout


def test_every_published_file_has_a_manifest_that_holds(done: Path) -> None:
    from residue.core.provenance import check

    seen = 0
    for path in (done / OUT).rglob("*.manifest.json"):
        output = path.with_name(path.name.removesuffix(".manifest.json"))
        manifest = check(output)
        assert manifest is not None
        assert {"stage", "spec", "code", "inputs", "versions", "device", "cpu_seconds"} <= set(
            manifest
        )
        seen += 1
    assert seen > 20


def test_one_core_gives_the_same_bytes(done: Path, tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    snakemake(project, "--cores", "1", *DRILL)
    assert tables(project) == tables(done)


@pytest.mark.parametrize("seconds", [6, 14])
def test_a_kill_midway_loses_the_job_at_hand_and_nothing_else(
    done: Path, tmp_path: Path, seconds: int
) -> None:
    project = copy_project(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *DRILL],
        cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    snakemake(project, "--unlock", *DRILL)
    snakemake(project, "--cores", "2", *DRILL)
    assert tables(project) == tables(done)


def test_touch_comment_and_clone_rerun_nothing(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    for part in ("src", "rules", "workflow_scripts", "data", "config"):
        for path in (clone / part).rglob("*"):
            if path.is_file():
                path.touch()
    recorder = clone / "src/residue/records/recorder.py"
    recorder.write_text(recorder.read_text() + "\n# a remark\n")
    assert "Nothing to be done" in snakemake(clone, "-n", *DRILL).stdout


def test_a_new_seed_trains_that_model_only(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    text = (clone / "config/drill.yaml").read_text()
    assert "seeds: [0, 1]" in text
    (clone / "config/drill.yaml").write_text(text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    planned = snakemake(clone, "-n", "-p", "--workflow-profile", "none", *DRILL).stdout
    jobs = [line for line in planned.splitlines() if "exec python" in line]
    trained = [line for line in jobs if "train_arm.py" in line]
    assert len(trained) == 1
    assert '"seed":"2"' in trained[0]
    assert not [line for line in jobs if "pretrain_model.py" in line]


def test_a_job_runs_outside_snakemake_from_its_logged_command(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    planned = snakemake(clone, "-n", "-F", "-p", "--workflow-profile", "none", *DRILL).stdout
    command = next(line for line in planned.splitlines() if "decide_claims.py" in line)
    claims = clone / OUT / "tables/claims.parquet"
    before = claims.read_bytes()
    claims.unlink()
    environment = os.environ | {"PYTHONPATH": str(clone / "src"), "RESIDUE_ROOT": str(clone)}
    subprocess.run(["bash", "-c", command.strip()], cwd=clone, env=environment, check=True)
    assert claims.read_bytes() == before


def test_a_damaged_record_is_found_by_its_reader(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    record = next((clone / OUT / "records").rglob("generations.parquet"))
    record.write_bytes(record.read_bytes()[:-10])
    failed = snakemake(clone, "--cores", "1", "--forcerun", "measure", *DRILL, check=False)
    assert failed.returncode != 0
    assert "is not what its manifest says" in failed.stdout + failed.stderr
    manifest = json.loads(record.with_name("generations.parquet.manifest.json").read_text())
    assert manifest["stage"] == "record"
