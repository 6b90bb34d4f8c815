"""The command line: what it prints of a run, and how it keeps documents fresh."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from residue import cli
from residue.core.artifacts import write_parquet


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


def test_what_a_foreign_run_calls_its_stages_is_shown_harmlessly(tmp_path: Path) -> None:
    note(tmp_path / "records", "a.parquet", "\x1b[2Jrec\nord", "0", 2.0)
    assert cli.ledger(tmp_path).splitlines()[2].startswith(r"| \x1b[2Jrec ord | 1 |")
    with pytest.raises(SystemExit) as stop:
        cli.scorecard(tmp_path / "\x1b[31m")
    assert "\x1b" not in str(stop.value)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for call in (cli.ledger, cli.scorecard):
        with pytest.raises(SystemExit, match="run snakemake first"):
            call(tmp_path)


def test_headlines_come_with_their_parts_and_nothing_else(tmp_path: Path) -> None:
    facts = {
        "verdict": "supported",
        "condition": "plain",
        "kind": "equivalent",
        "statistic": "rate",
    }
    numbers = {"estimate": 0.0, "low": -0.1, "high": 0.1, "margin": 0.2, "attainable": 0.1}
    roles = {"forgotten": "headline", "forgets": "part", "gone_inside": "exploratory"}
    claims = pd.DataFrame([{"arm": "npo", "claim": c, "role": r} for c, r in roles.items()])
    (tmp_path / "tables").mkdir()
    write_parquet(
        tmp_path / "tables/claims.parquet",
        claims.assign(**facts, **numbers, n_clusters=9, n_seeds=1),
    )
    assert cli.scorecard(tmp_path).count("npo") == 3
    short = cli.scorecard(tmp_path, headlines=True)
    assert [line.split()[1] for line in short.splitlines()[1:]] == ["forgotten", "forgets"]


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


def test_a_stale_reference_is_named_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="run this in the folder of the project"):
        cli.main(["reference"])
    (tmp_path / "config").mkdir()
    with pytest.raises(SystemExit, match=r"config/README\.md; run `residue reference --write`"):
        cli.main(["reference"])
    cli.main(["reference", "--write"])
    cli.main(["reference"])
    assert "say what the specs say" in capsys.readouterr().out
    assert json.loads((tmp_path / "config/schema.json").read_text())["type"] == "object"
