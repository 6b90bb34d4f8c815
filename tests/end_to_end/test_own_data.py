"""The worked example of docs/your-data.md: its commands, run as they stand, on a random model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.own_model import save_random_model
from tests.workflow.graph import ROOT, copy_project, snakemake

pytestmark = pytest.mark.end_to_end
OUT = Path("results/mine")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after the commands of the page."""
    folder = copy_project(tmp_path_factory.mktemp("own"))
    save_random_model(folder / "corpora/mine/model")
    text = (ROOT / "docs/your-data.md").read_text(encoding="utf-8")
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL))
    commands = commands.replace(".venv/bin/snakemake", f"{sys.executable} -m snakemake")
    commands = commands.replace(".venv/bin/residue", f"{sys.executable} -m residue.cli")
    assert "--configfile config/mine.yaml" in commands
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "npo" in done.stdout
    return folder


def test_every_item_is_asked_and_the_schema_is_the_embedded_worlds(project: Path) -> None:
    from residue.world.edit_data import COLUMNS as EDIT_COLUMNS
    from residue.world.items import COLUMNS

    deck = pd.read_parquet(project / OUT / "world/decks/facts.parquet")
    assert list(deck.columns) == list(COLUMNS)
    assert deck["family"].value_counts().to_dict() == {"seen": 8, "held_out": 8}
    assert deck.groupby("country")["split"].nunique().eq(1).all()
    shown = pd.read_parquet(project / OUT / "world/edit_data.parquet")
    assert list(shown.columns) == list(EDIT_COLUMNS)
    assert shown["set"].value_counts().to_dict() == {"forget": 4, "retain": 2}


def test_what_has_no_items_or_no_oracle_has_a_row_that_says_so(project: Path) -> None:
    table = pd.read_parquet(project / OUT / "tables/estimates.parquet").set_index("estimand")
    assert table.loc["never_seen", "note"].str.contains("no item matches").all()
    assert table.loc["orders_obeyed", "estimate"].isna().all()
    assert (table.loc["orders_obeyed", "note"].str.len() > 0).all()
    assert table.loc["forget_vs_oracle", "note"].str.contains("no oracle").all()
    perplexity = table.loc["retain_perplexity"]
    assert (perplexity["n_clusters"] == 2).all()
    assert perplexity["estimate"].notna().all()
    claims = pd.read_parquet(project / OUT / "tables/claims.parquet")
    assert set(claims["verdict"]) == {"inconclusive"}
    assert not claims["margin_reason"].str.contains("countries").any()


def test_the_page_speaks_of_clusters_and_of_the_files(project: Path) -> None:
    page = (project / OUT / "report/index.html").read_text(encoding="utf-8")
    assert "corpora/mine/forget.jsonl" in page
    assert "countr" not in page.replace("countries.parquet", "").lower()
    assert "Instrument check" not in page
    assert "with the oracle (" not in page


def test_a_second_run_has_nothing_to_do_and_an_edited_line_reads_all_again(project: Path) -> None:
    config = ("--configfile", "config/mine.yaml")
    assert "Nothing to be done" in snakemake(project, "-n", *config).stdout
    file = project / "corpora/mine/retain.jsonl"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("hops", "figs"), encoding="utf-8")
    planned = snakemake(project, "-n", *config).stdout
    file.write_text(text, encoding="utf-8")
    assert "read_data" in planned
    assert "train_arm" in planned
    assert "adopt_model" not in planned
