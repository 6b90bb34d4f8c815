"""What `docs/metrics.md` says of a table of metrics on trial, and that the full run can fill it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from residue.core import methods
from residue.specs.measures import METRICS
from residue.specs.meta import FEWEST_RANKED
from residue.specs.patching import METRICS as OF_PATCHING
from residue.specs.plan import read_config

ROOT = Path(__file__).parents[3]
DOCUMENT = runpy.run_path(str(ROOT / "benchmarks" / "metrics.py"))


@pytest.fixture
def kept() -> pd.DataFrame:
    table = pd.read_csv(ROOT / "docs" / "metrics.tsv", sep="\t")
    texts = ["metric", "title", "arm", "condition", "verdict", "method", "note"]
    return table.fillna(dict.fromkeys(texts, ""))


@pytest.mark.parametrize("block", ["liars", "trust", "ranks"])
def test_the_document_says_what_the_kept_table_says(block: str, kept: pd.DataFrame) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert DOCUMENT[block](kept) in text


def test_metrics_fooled_least_come_first_and_none_is_lost(kept: pd.DataFrame) -> None:
    lines = DOCUMENT["liars"](kept).splitlines()[2:]
    fooled = [line.count("**fooled**") for line in lines]
    assert fooled == sorted(fooled)
    assert len(lines) == kept.loc[kept["question"] == "liar", "metric"].nunique()


def test_the_full_run_has_enough_metrics_for_published_ranks() -> None:
    config = read_config(yaml.safe_load((ROOT / "config" / "meta.yaml").read_text())).config
    published = pd.read_csv(ROOT / "data" / "published_metric_scores.tsv", sep="\t")
    plain = {*config.measures.metrics["facts"], *config.measures.metrics["lens"], *OF_PATCHING}
    for ours, column, tables in (
        (plain, "faithfulness", ("open-unlearning", "depth-score")),
        # Metrics of rows are not measured under attack, and the second table has three others.
        (set(config.stress.metrics) & plain, "robustness", ("open-unlearning",)),
    ):
        tried = {name for name in ours if hasattr(methods.load(METRICS, name), "KNOWN")}
        for table in tables:
            theirs = published[(published["table"] == table) & published[column].notna()]
            assert len(tried & set(theirs["metric"])) >= FEWEST_RANKED
