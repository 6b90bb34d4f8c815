"""Which results are stale: files, manifests and inputs against what the project would make now.

Snakemake keeps its memory of a run in `.snakemake`; the manifests beside the results do without.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residue import account
from residue.core import provenance


class PlanError(RuntimeError):
    """Snakemake could not plan the project; its own message says why."""


@dataclass(frozen=True)
class Job:
    """One planned job: what it depends on, what it reads and makes."""

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    spec: str
    code: str
    inputs: frozenset[str]
    outputs: frozenset[str]
    out: str

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells one job from another."""
        return self.rule, self.wildcards


def plan(project: Path, configfiles: Sequence[str] = ()) -> list[Job]:
    """Every job of a full run of a project, whatever is there already, from a dry run.

    Raises `PlanError` where the config or the rules do not hold.
    """
    command = [sys.executable, "-m", "snakemake", "-n", "-F", "-p", "--workflow-profile", "none"]
    command += ["--configfile", *configfiles] if configfiles else []
    source = os.pathsep.join(filter(None, [str(project / "src"), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": source}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    jobs = [_job(line) for line in done.stdout.splitlines() if "exec python" in line]
    if done.returncode or not jobs:
        raise PlanError(f"{done.stdout}{done.stderr}")
    return jobs


def _job(line: str) -> Job:
    words = shlex.split(line)
    value = {word: words[i + 1] for i, word in enumerate(words[:-1]) if word.startswith("--")}
    io = json.loads(value["--io"])
    return Job(
        rule=Path(words[words.index("python") + 1]).stem,
        wildcards=tuple(sorted(json.loads(value["--spec"])["wildcards"].items())),
        spec=value["--spec"],
        code=value["--code"],
        inputs=frozenset(path for each in io["in"].values() for path in _flat(each)),
        outputs=frozenset(path for each in io["out"].values() for path in _flat(each)),
        out=str(Path(io["state"]).parent),
    )


def _flat(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class Findings:
    """What a walk over results found; each finding is a path and a reason."""

    stale: list[tuple[str, str]]
    left_over: list[str]
    """Outputs with manifests that no job of this config makes; no number stands on them."""
    unmade: list[str]
    """Planned outputs that are not there, nor a manifest that says they were."""
    seen: int
    """Planned outputs that are there."""


def verify(jobs: Iterable[Job], project: Path, results: Path | None = None) -> Findings:
    """Compare results with the jobs that would make them now.

    results: the folder to look into where it is not the config's own `out`, e.g. a copy. A file is
    stale where its bytes, its manifest, its spec, its code or an input is not what it would be, or
    where it was made from a stale file.
    """
    walk = _Walk(project, results)
    for job in _in_order(jobs):
        walk.look(job)
    return Findings(
        sorted(walk.stale.items()), sorted(walk.left_over()), sorted(walk.unmade), walk.seen
    )


class _Walk:
    """What is known so far of the files, from sources to page."""

    def __init__(self, project: Path, results: Path | None) -> None:
        self.project, self.results = project, results
        self.stale: dict[str, str] = {}
        self.unmade: list[str] = []
        self.seen = 0
        self._planned: set[Path] = set()
        self._folder = results
        self._digests: dict[str, str | None] = {}

    def look(self, job: Job) -> None:
        """Judge the outputs of one job; the jobs before it have been looked at."""
        if self._folder is None:
            self._folder = self.project / job.out
        for output in sorted(job.outputs):
            self._planned.add(self._place(output, job))
            reason = self._fault(output, job)
            if reason:
                self.stale[output] = reason

    def _place(self, path: str, job: Job) -> Path:
        """Where a planned path lies now: a copy of the results stands in for the config's own."""
        if self.results is not None and Path(path).is_relative_to(job.out):
            return self.results / Path(path).relative_to(job.out)
        return self.project / path

    def _fault(self, output: str, job: Job) -> str:
        place = self._place(output, job)
        noted = provenance.manifest_path(place).exists()
        if not place.exists():
            if not noted:
                self.unmade.append(output)
            return "is gone, its manifest is still there" if noted else ""
        self.seen += 1
        if not noted:
            return "has no manifest"
        try:
            manifest = provenance.read_manifest(place)
        except provenance.StaleFileError:
            return "has a damaged manifest"
        assert manifest is not None
        if self._digest(output, job) != manifest["sha256"]:
            return "is not what its manifest says"
        spec = json.loads(job.spec)
        if manifest.get("spec") != spec:
            return f"was made under another config: {difference(manifest.get('spec'), spec)}"
        if manifest.get("code") != job.code:
            return "was made by other code"
        return self._fault_of_inputs(manifest.get("inputs", {}), job)

    def _fault_of_inputs(self, recorded: dict[str, str], job: Job) -> str:
        for path in sorted(job.inputs):
            if path in self.stale:
                return f"was made from {path}, which is stale"
            if path in recorded and self._digest(path, job) != recorded[path]:
                return f"was made from another {path}"
        gone = sorted(set(recorded) - job.inputs)
        return f"was made from {gone[0]}, which it would not read now" if gone else ""

    def _digest(self, path: str, job: Job) -> str | None:
        if path not in self._digests:
            place = self._place(path, job)
            self._digests[path] = provenance.file_digest(place) if place.exists() else None
        return self._digests[path]

    def left_over(self) -> list[str]:
        """Files with manifests that no planned job makes."""
        folder = self._folder or self.project
        notes = account.manifests_in(folder)
        made = [note.with_name(note.name.removesuffix(".manifest.json")) for note in notes]
        return [str(p) for p in made if p not in self._planned and not p.name.startswith(".")]


def _in_order(jobs: Iterable[Job]) -> list[Job]:
    """Jobs after those whose outputs they read."""
    waiting = {job.key: job for job in jobs}
    ordered: list[Job] = []
    while waiting:
        unmade = {path for job in waiting.values() for path in job.outputs}
        ready = [job for job in waiting.values() if not job.inputs & unmade]
        ordered += ready
        for job in ready:
            del waiting[job.key]
    return ordered


def difference(before: Any, now: Any, where: str = "") -> str:
    """Where two JSON values first differ, e.g. ``statistics.level was 0.95, is 0.9``."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                return difference(before.get(key), now.get(key), f"{where}.{key}".lstrip("."))
    texts = (provenance.canonical(value) for value in (before, now))
    old, new = (text if len(text) <= 60 else f"{text[:57]}…" for text in texts)
    return f"{where or 'it'} was {old}, is {new}"
