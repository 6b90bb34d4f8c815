"""The planned jobs of a project, read from Snakemake's own dry run, and what an edit re-runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Job:
    """One planned job. `after` inputs order jobs without making one depend on the other's bytes."""

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    spec: str
    code: str
    inputs: frozenset[str]
    outputs: frozenset[str]

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.rule, self.wildcards


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
    """Every job of a full run, whatever is there already."""
    done = snakemake(project, "-n", "-F", "-p", "--workflow-profile", "none", *arguments)
    jobs = [_job(line) for line in done.stdout.splitlines() if "exec python" in line]
    assert jobs, done.stdout + done.stderr
    return {job.key: job for job in jobs}


def _job(line: str) -> Job:
    words = shlex.split(line)
    value = {word: words[i + 1] for i, word in enumerate(words[:-1]) if word.startswith("--")}
    io = json.loads(value["--io"])
    inputs = {p for name, each in io["in"].items() if name != "after" for p in _flat(each)}
    outputs = {p for each in io["out"].values() for p in _flat(each)}
    wildcards = json.loads(value["--spec"])["wildcards"]
    return Job(
        rule=Path(words[words.index("python") + 1]).stem,
        wildcards=tuple(sorted(wildcards.items())),
        spec=value["--spec"],
        code=value["--code"],
        inputs=frozenset(inputs),
        outputs=frozenset(outputs),
    )


def _flat(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def rerun(before: dict, after: dict, changed_files: frozenset[str] = frozenset()) -> set[Job]:
    """Jobs of the new plan that Snakemake must run: new or changed ones and all that read them."""
    stale = {
        job
        for key, job in after.items()
        if key not in before
        or (job.spec, job.code, job.inputs) != _facts(before[key])
        or job.inputs & changed_files
    }
    while True:
        made = {path for job in stale for path in job.outputs}
        more = {job for job in after.values() if job.inputs & made} - stale
        if not more:
            return stale
        stale |= more


def _facts(job: Job) -> tuple[str, str, frozenset[str]]:
    return job.spec, job.code, job.inputs
