"""The planned jobs of a project, read from Snakemake's own dry run, and what an edit re-runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from residue import verify
from residue.verify import Job

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "Snakefile",
    "rules",
    "workflow_scripts",
    "src",
    "config",
    "data",
    "envs",
    "report",
    "profiles",
)


def copy_project(to: Path) -> Path:
    """The parts of the project that make a graph, copied so that a test may edit them."""
    for part in PARTS:
        source, target = ROOT / part, to / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return to


def empty_model(folder: Path) -> None:
    """The files of a model, with nothing in them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / file).write_text("{}")


def run_job(project: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a job's own command, as a dry run with `-p` prints it, outside Snakemake and its log."""
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {
        "PATH": os.pathsep.join(folders), "PYTHONPATH": str(project / "src"),
        "RESIDUE_ROOT": str(project),
    }  # fmt: skip
    bare = command[command.index("exec python") :].split(" > ")[0]
    return subprocess.run(
        ["bash", "-c", bare], cwd=project, env=environment, capture_output=True, text=True
    )


def snakemake(
    project: Path, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a project copy, with that copy's own source."""
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(f"snakemake {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
    return done


def plan(project: Path, *arguments: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], Job]:
    """Every job of a full run by its key. `arguments`: none, or ``--configfile`` and its files."""
    return {job.key: job for job in verify.plan(project, arguments[1:])}


def rerun(before: dict, after: dict, changed_files: frozenset[str] = frozenset()) -> set[Job]:
    """Jobs of the new plan that Snakemake must run: new or changed ones and all that read them."""
    stale = {
        job
        for key, job in after.items()
        if key not in before
        or (job.spec, job.code, job.inputs) != _facts(before[key])
        or job.inputs & changed_files
    }
    return closure(stale, after)


def closure(jobs: set[Job], graph: dict) -> set[Job]:
    """Jobs and all that read, directly or not, what they write."""
    found = set(jobs)
    while True:
        made = {path for job in found for path in job.outputs}
        more = {job for job in graph.values() if job.inputs & made} - found
        if not more:
            return found
        found |= more


def _facts(job: Job) -> tuple[str, str, frozenset[str]]:
    return job.spec, job.code, job.inputs
