"""Full disks, closed doors and damaged files: one sentence with the mend, and nothing else lost."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from residue.core import provenance
from tests.end_to_end.drill import DRILL, OUT, tables, verify
from tests.workflow.graph import closure, plan, run_job, snakemake

pytestmark = pytest.mark.end_to_end

STUB = """
    import os
    import numpy as np
    import pandas as pd
    from safetensors.numpy import save_file
    from residue import stage

    numbers = np.random.default_rng(0).random(400_000)
    with stage.open() as job:
        text = job.input("source").read_text()
        job.write_text("small", text)
        kind = job.part("kind")
        if kind == "text":
            job.write_text("large", "x" * 3_000_000)
        elif kind == "parquet":
            job.write_parquet("large", pd.DataFrame({"x": numbers}))
        elif kind == "safetensors":
            save_file({"x": numbers}, job.output("large"))
"""


def run_stub(
    folder: Path, kind: str, out: Path, *, prefix: tuple[str, ...] = (), limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """A stage that writes a small and a large file. limit: of a file's size, bytes."""
    script = folder / "make_large.py"
    script.write_text(dedent(STUB))
    source = folder / "source.txt"
    if not source.exists():
        source.write_text("hello")
    io = {
        "in": {"source": str(source)},
        "out": {"small": str(out / "small.txt"), "large": str(out / "large")},
        "state": str(folder / "state"),
    }
    command = [
        *prefix, sys.executable, str(script), "--code", provenance.code_digest(script),
        "--spec", json.dumps({"kind": kind, "wildcards": {}}), "--io", json.dumps(io),
    ]  # fmt: skip

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(command, capture_output=True, text=True, preexec_fn=restrict)


def closed_to_its_owner() -> tuple[str, ...]:
    """A command prefix under which file modes bind root too; none needed for anybody else."""
    if os.geteuid() != 0:
        return ()
    dropped = "-dac_override,-dac_read_search"
    prefix = ("setpriv", "--bounding-set", dropped, "--inh-caps", dropped)
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"]).returncode:
        pytest.skip("root opens every file, and setpriv cannot take that from it here")
    return prefix


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).returncode
    ):
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield disk
    subprocess.run(["umount", disk], check=True)


KINDS = ("text", "parquet", "safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(tmp_path: Path, small_disk: Path, kind: str) -> None:
    before = small_disk / "earlier.txt"
    before.write_text("made before")
    done = run_stub(tmp_path, kind, small_disk)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("ERROR make_large: ")
    assert str(small_disk) in last
    assert last.endswith("the disk is full; free some space and run snakemake again.")
    assert [path.name for path in small_disk.iterdir()] == ["earlier.txt"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_on_the_size_of_files(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    done = run_stub(tmp_path, kind, out, limit=1_000_000)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert str(out) in last
    assert last.endswith("raise the limit and run snakemake again.")
    assert list(out.iterdir()) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    prefix = closed_to_its_owner()
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    done = run_stub(tmp_path, "text", out, prefix=prefix)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert str(out) in last
    assert last.endswith(
        "you may not open it; give yourself the right to it and run snakemake again."
    )


def test_an_input_that_may_not_be_read(tmp_path: Path) -> None:
    prefix = closed_to_its_owner()
    (tmp_path / "source.txt").write_text("hello")
    (tmp_path / "source.txt").chmod(0)
    done = run_stub(tmp_path, "text", tmp_path / "out", prefix=prefix)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert str(tmp_path / "source.txt") in last
    assert "you may not open it" in last
    assert not list((tmp_path / "out").glob("*"))


# --- damaged files -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def commands(done: Path) -> dict[str, str]:
    """The command of one measuring job, which reads all three formats, and of one that reads a
    model; as Snakemake would give them."""
    planned = snakemake(done, "-n", "-F", "-p", "--workflow-profile", "none", *DRILL).stdout
    lines = [line for line in planned.splitlines() if "exec python" in line]
    measuring = [
        x
        for x in lines
        if "measure.py" in x and '"arm":"npo","condition":"plain","deck":"facts"' in x
    ]
    adopting = [x for x in lines if "adopt_model.py" in x and '"role":"base"' in x]
    return {"measure": measuring[0], "adopt_model": adopting[0]}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("damage", [cut, flip], ids=["cut", "flipped"])
@pytest.mark.parametrize(
    ("job", "file"),
    [
        ("measure", "records/npo/pair0/seed{seed}/plain/facts/generations.parquet"),
        ("measure", "records/npo/pair0/seed{seed}/plain/facts/rows.parquet"),
        ("measure", "models/pair0/base.head.safetensors"),
        ("measure", "models/pair0/base.arch.json"),
        ("measure", "world/decks/facts.parquet"),
        ("adopt_model", "models/pair0/base/model.safetensors"),
        ("adopt_model", "models/pair0/base/config.json"),
    ],
)
def test_a_damaged_file_is_found_by_its_reader(
    done: Path, commands: dict[str, str], tmp_path: Path, job: str, file: str, damage
) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    seed = "0" if '"seed":"0"' in commands[job] else "1"
    path = clone / OUT / file.format(seed=seed)
    damage(path)
    kept = tables(clone)
    failed = run_job(clone, commands[job])
    assert failed.returncode == 1
    assert failed.stdout.splitlines()[-1] == (
        f"ERROR {job}: {path.relative_to(clone)} is not what its manifest says (it was cut short, "
        "edited or replaced); delete it and run snakemake again."
    )
    assert tables(clone) == kept


def test_a_damaged_manifest_is_found(done: Path, commands: dict[str, str], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    note = clone / OUT / "models/pair0/base/config.json.manifest.json"
    note.write_text(note.read_text()[:40])
    failed = run_job(clone, commands["adopt_model"])
    last = failed.stdout.splitlines()[-1]
    assert f"{note.relative_to(clone)} is not a whole manifest" in last
    assert last.endswith("and run snakemake again.")


def test_doing_what_the_sentence_says_mends_it(done: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(done, clone)
    damaged = OUT / "measurements/npo/pair0/seed1/plain/facts.parquet"
    cut(clone / damaged)
    failed = snakemake(clone, "--cores", "1", *DRILL, check=False)
    assert failed.returncode != 0
    assert re.search(
        rf"ERROR \w+: {re.escape(str(damaged))} is not what its manifest says", failed.stdout
    )
    (clone / damaged).unlink()
    snakemake(clone, "--cores", "1", *DRILL)
    assert tables(clone) == tables(done)


# --- results without Snakemake's memory ----------------------------------------------------


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """The project and its results as somebody else gets them: without `.snakemake`."""
    clone = tmp_path / "clone"
    shutil.copytree(done, clone, ignore=shutil.ignore_patterns(".snakemake"))
    return clone


def stale(project: Path) -> dict[str, str]:
    """What `residue verify` names, under the run's folder, with its reasons."""
    checked = verify(project)
    named = dict(line.split(": ", 1) for line in checked.stdout.splitlines())
    assert checked.returncode == (1 if named else 0), checked.stdout + checked.stderr
    return {str(Path(path).relative_to(OUT)): reason for path, reason in named.items()}


AFTER_ESTIMATES = {
    "tables/claims.parquet", "tables/claims.md", "tables/claims.tex", "report/index.html",
    "report/figures/tradeoff.svg",
    "report/figures/by_language.svg", "report/figures/first_rows.svg",
}  # fmt: skip

OF_A_LEVEL = AFTER_ESTIMATES | {
    "world/audit.parquet", "world/order_leaks.parquet", "world/order_shortcuts.parquet",
    "measurements/tests.parquet", "tables/estimates.parquet", "tables/tests.parquet",
    "tables/judge.parquet", "tables/injection.parquet", "tables/certificate.parquet",
    "tables/escapes.parquet", "tables/meta.parquet", "report/figures/attack_plane.svg",
    "report/figures/tests_rows.svg", "report/figures/tests_orders.svg",
    "report/figures/tests_graph.svg", "report/figures/tests_calibration.svg",
}  # fmt: skip
"""What depends on the level of the intervals."""


def test_verify_names_what_an_edit_of_the_config_touches(copied: Path) -> None:
    assert stale(copied) == {}
    with (copied / "config/drill.yaml").open("a") as config:
        config.write("\nstatistics: {level: 0.9}\n")
    assert "Nothing to be done" in snakemake(copied, "-n", *DRILL).stdout, "it has no memory"
    found = stale(copied)
    assert set(found) == OF_A_LEVEL
    assert found["world/audit.parquet"].endswith("statistics.level was 0.95, is 0.9")
    assert found["tables/claims.parquet"].endswith("estimates.parquet, which is stale")


def test_verify_names_what_an_edit_of_the_code_touches(copied: Path) -> None:
    verdicts = copied / "src/residue/stats/verdicts.py"
    verdicts.write_text(verdicts.read_text() + "\n\ndef _an_edit() -> None:\n    return None\n")
    found = stale(copied)
    assert {"tables/claims.parquet", "report/index.html"} <= set(found)
    assert set(found) <= {"tables/claims.parquet"} | AFTER_ESTIMATES
    assert found["tables/claims.parquet"] == "was made by other code"


WITHOUT_FACTS = {"independence/calibration.parquet"}
"""Simulated from the config alone."""


def test_verify_names_what_an_edit_of_the_data_touches(copied: Path) -> None:
    with (copied / "data/facts.tsv").open("a") as facts:
        facts.write("\n")
    jobs = plan(copied, *DRILL)
    readers = {job for job in jobs.values() if "data/facts.tsv" in job.inputs}
    touched = {path for job in closure(readers, jobs) for path in job.outputs}
    found = stale(copied)
    assert {str(OUT / path) for path in found} == touched
    untouched = {path for job in jobs.values() for path in job.outputs} - touched
    assert untouched == {str(OUT / path) for path in WITHOUT_FACTS}
    assert found["world/countries.parquet"] == "was made from another data/facts.tsv"


def test_verify_names_damage_and_loss(copied: Path) -> None:
    flip(copied / OUT / "tables/estimates.parquet")
    (copied / OUT / "arms/npo/pair0/seed0/history.parquet").unlink()
    (copied / OUT / "arms/npo/pair0/seed1/history.parquet.manifest.json").unlink()
    note = copied / OUT / "models/pair0/base/history.parquet.manifest.json"
    note.write_text("{")
    found = stale(copied)
    assert found.pop("tables/estimates.parquet") == "is not what its manifest says"
    assert (
        found.pop("arms/npo/pair0/seed0/history.parquet") == "is gone, its manifest is still there"
    )
    assert found.pop("arms/npo/pair0/seed1/history.parquet") == "has no manifest"
    assert found.pop("models/pair0/base/history.parquet") == "has a damaged manifest"
    assert set(found) == AFTER_ESTIMATES


def test_deleting_what_verify_names_mends_a_copy(done: Path, copied: Path) -> None:
    flip(copied / OUT / "tables/estimates.parquet")
    for path in stale(copied):
        (copied / OUT / path).unlink()
    snakemake(copied, "--cores", "1", *DRILL)
    assert stale(copied) == {}
    assert tables(copied) == tables(done)
