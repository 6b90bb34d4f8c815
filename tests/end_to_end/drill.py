"""Runs of `config/drill.yaml` that are killed at random moments, and what must hold after each."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.workflow.graph import snakemake

DRILL = ("--configfile", "config/drill.yaml")
OUT = Path("results/drill")
TOLD = re.compile(rb'<section id="(setting|checklist)".*?</section>', re.DOTALL)


def tables(project: Path) -> dict[str, bytes]:
    """Every file under a final name but logs, benchmarks and manifests, which tell times; the page
    without the sections that quote manifests."""
    out = project / OUT
    skipped = {"logs", "benchmarks", ".state"}
    found = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.relative_to(out).parts[0] not in skipped
        and not path.name.endswith(".manifest.json")
        and not any(part.startswith(".") for part in path.relative_to(out).parts)
    }
    return {
        name: TOLD.sub(b"", whole) if name.endswith(".html") else whole
        for name, whole in found.items()
    }


def left_overs(project: Path) -> list[str]:
    """What a finished run must not leave: temporary files, states, Snakemake's own marks."""
    temporary = (project / OUT).rglob(".*.tmp-*")
    states = (path for path in (project / OUT / ".state").rglob("*") if path.is_file())
    marks = (
        path
        for name in ("incomplete", "locks")
        for path in (project / ".snakemake" / name).rglob("*")
    )
    return sorted(
        str(path.relative_to(project)) for found in (temporary, states, marks) for path in found
    )


def verify(project: Path) -> subprocess.CompletedProcess[str]:
    """`residue verify` in a project copy, with that copy's own source."""
    return subprocess.run(
        [sys.executable, "-m", "residue.cli", "verify", *DRILL],
        cwd=project, env=os.environ | {"PYTHONPATH": str(project / "src")},
        capture_output=True, text=True,
    )  # fmt: skip


def start(project: Path) -> subprocess.Popen[bytes]:
    """Snakemake on two cores, left to itself."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *DRILL],
        cwd=project, env=os.environ | {"PYTHONPATH": str(project / "src")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def jobs_of(pid: int) -> list[int]:
    """The jobs that a Snakemake is running now."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and b"workflow_scripts/" in command and b"\0--spec\0" in command:
            found.append(int(entry.name))
    return found


def kill_once(project: Path, who: str, seconds: float) -> bool:
    """Start Snakemake; some seconds after its first job kill it, one of its jobs, or all at once.
    False if it ended before."""
    process = start(project)
    jobs: list[int] = []
    while process.poll() is None and not jobs:
        time.sleep(0.02)
        jobs = jobs_of(process.pid)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    else:
        return False
    jobs = jobs_of(process.pid)
    whole = [process.pid, *jobs]
    for pid in {"snakemake": whole[:1], "job": jobs[:1] or whole, "all": whole}[who]:
        end(pid)
    process.wait(120)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in jobs):
        assert time.monotonic() < deadline, "a job outlived Snakemake"
        time.sleep(0.02)
    return True


def end(pid: int) -> None:
    """Kill −9; a job may have ended by itself meanwhile."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def drill(
    origin: Path, folder: Path, truth: dict[str, bytes], *, kills: int, within: float, seed: int
) -> None:
    """Kill runs again and again: what stands under a final name is whole each time, and a run that
    comes to its end gives the same bytes and leaves nothing behind.

    origin: where runs begin, copied into `folder`. truth: the files of a run that nobody disturbed.
    within: a kill comes at most this many seconds after the first job of a run is seen.
    """
    moments = random.Random(seed)
    done = ends = 0
    project = begin(origin, folder / "0")
    while done < kills:
        who, seconds = ("snakemake", "job", "all")[done % 3], moments.uniform(0, within)
        old = tables(project)
        if not kill_once(project, who, seconds):
            check_end(project, truth)
            ends += 1
            project = begin(origin, folder / str(ends))
            continue
        done += 1
        found = tables(project)
        print(f"seed {seed}, kill {done}: {who} after {seconds:.2f} s, {len(found)} files")
        for name, content in found.items():
            assert content in (truth[name], old.get(name)), f"{name} is partial after kill {done}"
        snakemake(project, "--unlock", *DRILL)
    snakemake(project, "--cores", "2", *DRILL)
    check_end(project, truth)


def begin(origin: Path, project: Path) -> Path:
    """A copy to disturb."""
    shutil.copytree(origin, project)
    return project


def check_end(project: Path, truth: dict[str, bytes]) -> None:
    """What must hold once a run has come to its end."""
    assert tables(project) == truth
    assert left_overs(project) == []
    assert "Nothing to be done" in snakemake(project, "-n", *DRILL).stdout
    checked = verify(project)
    assert checked.returncode == 0, checked.stdout + checked.stderr
