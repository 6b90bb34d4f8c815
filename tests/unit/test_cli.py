"""The command line: what it prints of a run, and how it keeps documents fresh."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from residue import cli


def note(folder: Path, name: str, stage: str, seed: str, cpu: float) -> None:
    manifest = {
        "stage": stage,
        "spec": {"wildcards": {"seed": seed}},
        "inputs": {},
        "cpu_seconds": cpu,
        "peak_memory_mb": 100.0 * cpu,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.manifest.json").write_text(json.dumps(manifest))


def test_the_ledger_counts_a_job_once_however_many_files_it_wrote(tmp_path: Path) -> None:
    note(tmp_path / "records", "a.parquet", "record", "0", 2.0)
    note(tmp_path / "records", "b.parquet", "record", "0", 2.0)
    note(tmp_path / "records", "c.parquet", "record", "1", 4.0)
    note(tmp_path / "tables", "d.parquet", "estimate", "0", 1.0)
    note(tmp_path / "ci" / "records", "e.parquet", "record", "0", 9.0)
    lines = cli.ledger(tmp_path).splitlines()
    assert lines[2:] == [
        "| record | 2 | 6.0 | 3.0 | 400 |",
        "| estimate | 1 | 1.0 | 1.0 | 100 |",
        "| all | 3 | 7.0 | | |",
    ]


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for call in (cli.ledger, cli.scorecard):
        with pytest.raises(SystemExit, match="run snakemake first"):
            call(tmp_path)


def test_a_document_is_refreshed_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- ledger -->\nold\n<!-- /ledger -->\nafter\n")
    cli.refresh(page, "ledger", "| new \\1 |")
    first = page.read_text()
    assert first == "before\n<!-- ledger -->\n| new \\1 |\n<!-- /ledger -->\nafter\n"
    cli.refresh(page, "ledger", "| new \\1 |")
    assert page.read_text() == first
    with pytest.raises(SystemExit, match="has no lines '<!-- scorecard -->'"):
        cli.refresh(page, "scorecard", "x")
