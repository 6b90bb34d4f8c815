"""What a run did, for whoever started it: jobs and their cost, or what went wrong and where."""

from __future__ import annotations

import json
import re
import signal
from calendar import timegm
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from time import strptime
from typing import Any

from residue.core import provenance
from residue.core.text import shown

PARTS = (
    "world",
    "models",
    "streams",
    "representation",
    "sae",
    "arms",
    "records",
    "lens",
    "measurements",
    "tables",
    "report",
)
"""Folders of a run, by name: an overlay's run may lie inside the default one's."""

LAST_LINES = 8
"""Lines shown of a failed job's log."""

LONGEST_LINE = 2000
"""Characters shown of one."""

_FAILED = re.compile(
    r"workflow_scripts/(?P<stage>\w+)\.py.*> (?P<log>\S+) 2>&1' "
    r"(?:returned non-zero exit status (?P<status>\d+)|died with <Signals\.(?P<signal>\w+))"
)
"""How Snakemake reports a failed job in its own log."""

_SUBMITTED = re.compile(
    r"has been submitted with SLURM jobid (?P<number>\d+) \(log: (?P<log>\S+)\)"
)
"""How Snakemake's plugin for Slurm says where a job's own log lies; it deletes those of jobs that
succeed."""

_ENDED = re.compile(r"^slurmstepd\S*: error: (?P<said>.*)$", re.MULTILINE)
"""What Slurm writes into the log of a job that it ends."""

_MORE = {"TIME LIMIT": "runtime", "memory limit": "mem_mb"}
"""Words of Slurm, and the resource of a rule that was too small."""


def manifests_in(out: Path) -> list[Path]:
    """The manifests of one run, sorted."""
    return sorted(file for part in PARTS for file in (out / part).rglob("*.manifest.json"))


def jobs_of(manifests: Iterable[Path]) -> list[dict[str, Any]]:
    """The manifest of each job once, however many files it wrote; files that are gone are left
    out."""
    jobs = {}
    for path in manifests:
        if path.is_file():
            manifest = json.loads(path.read_text(encoding="utf-8"))
            key = [manifest["stage"], manifest["spec"], manifest["inputs"]]
            jobs[json.dumps(key, sort_keys=True)] = manifest
    return list(jobs.values())


def jobs_behind(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """The jobs that files rest on, each once: their own and those of what they were made from.

    Paths in manifests are as Snakemake gave them, from the project's folder.
    """
    seen: set[str] = set()
    waiting = [str(path) for path in paths]
    found = []
    while waiting:
        path = waiting.pop()
        manifest = provenance.manifest_path(path)
        if path in seen or not manifest.is_file():
            continue
        seen.add(path)
        found.append(manifest)
        waiting += json.loads(manifest.read_text(encoding="utf-8"))["inputs"]
    return sorted(jobs_of(sorted(found)), key=lambda job: (job["stage"], str(job["output"])))


def of_run(outputs: Iterable[str], since: float) -> str:
    """Jobs that ran since a time (seconds of the epoch) and jobs whose files were there already,
    each with its CPU-seconds."""
    ran: list[dict[str, Any]] = []
    reused: list[dict[str, Any]] = []
    for job in jobs_of(map(provenance.manifest_path, outputs)):
        finished = timegm(strptime(job["finished"], "%Y-%m-%dT%H:%M:%SZ"))
        (ran if finished >= int(since) else reused).append(job)
    return "\n".join(
        f"{what + ':':8}{len(jobs):4} jobs {_cpu(jobs):8.1f} CPU-s{note}{_named(jobs)}"
        for what, jobs, note in (("ran", ran, ""), ("reused", reused, ", spent before"))
        if jobs
    )


def of_failure(logs: Iterable[Path]) -> str:
    """From Snakemake's logs: each failed job's last lines, then the sentences that say why."""
    text = "\n".join(log.read_text("utf-8", "replace") for log in logs if log.is_file())
    shown, reasons = [], []
    for submitted in _SUBMITTED.finditer(text):
        path = Path(submitted["log"])
        own = path.read_text("utf-8", "replace") if path.is_file() else ""
        ended = _ENDED.search(own)
        if ended is None:
            text += own  # the job failed by itself, and says so as it does without Slurm
        else:
            reasons += [_ended_by_slurm(path, submitted["number"], ended["said"]), f"  log: {path}"]
    for job in _FAILED.finditer(text):
        path = Path(job["log"])
        lines = _lines(path)
        shown += [f"--- end of {path}", *lines[-LAST_LINES:]]
        reasons += [_reason(job, lines), f"  log: {path}"]
    if not reasons:
        return "No job failed by itself; Snakemake's message above says what went wrong."
    return "\n".join(
        [*shown, "---", *reasons, "Finished files are kept: mend it, then start again."]
    )


def _ended_by_slurm(log: Path, number: str, said: str) -> str:
    rule = next((part[5:] for part in log.parts if part.startswith("rule_")), "a job")
    too_small = next((name for words, name in _MORE.items() if words in said), None)
    mend = f"; give it more {too_small} under set-resources of the profile" if too_small else ""
    return f"ERROR {rule}: Slurm ended its job {number}: {shown(said.strip('* '))}{mend}."


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace").rstrip()
    return [shown(line, LONGEST_LINE) for line in text.split("\n")] if text else []


def _reason(job: re.Match[str], lines: list[str]) -> str:
    said = [line for line in lines if line.startswith("ERROR ")]
    if said:
        return said[-1]
    # A shell reports a child's death by a signal as 128 + its number.
    number = int(job["status"] or 0) - 128
    name = job["signal"] or {each.value: each.name for each in signal.Signals}.get(number)
    if name:
        hint = "; often memory ran out, so try fewer --cores" if name == "SIGKILL" else ""
        return f"ERROR {job['stage']}: was ended from outside by {name}{hint}."
    return f"ERROR {job['stage']}: {lines[-1] if lines else 'it wrote nothing into its log.'}"


def _cpu(jobs: list[dict[str, Any]]) -> float:
    return sum(float(job["cpu_seconds"]) for job in jobs)


def _named(jobs: list[dict[str, Any]]) -> str:
    counts = Counter(job["stage"] for job in jobs)
    return f" ({', '.join(f'{name} {n}' for name, n in sorted(counts.items()))})" if jobs else ""
