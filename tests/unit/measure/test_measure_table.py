"""Measurements have one form, whatever the metric, and cost no model library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.core.methods import UnknownMethodError
from residue.measure.language_id.identify import Identifier
from residue.measure.language_id.ngrams import train
from residue.measure.table import MEASUREMENTS, MetricError, measure_all, metric, needs
from residue.specs.measures import LanguageIdSpec, MeasuresSpec

SOURCE = Path(__file__).resolve().parents[3] / "src"


def test_every_metric_of_the_defaults_describes_itself() -> None:
    for deck, names in MeasuresSpec().metrics.items():
        for name in names:
            module = metric(name)
            assert deck == module.DECK
            said = {"generations", "tokens", "rows", "head", "language_id"}
            assert set(module.NEEDS) <= ({"lens"} if deck == "lens" else said)
            assert module.TITLE
            assert module.UNIT


def test_all_metrics_come_in_one_table(
    make_items: Any, make_generations: Any, make_tokens: Any
) -> None:
    records = {
        "generations": make_generations({"a": "Lima", "b": "Cusco"}),
        "tokens": make_tokens({"a": [(-0.5, 1), (-0.5, 1)], "b": [(-2.0, 3), (-2.0, 1)]}),
        "language_id": Identifier(train({"en": ["the"], "hi": ["hai"]}), {}, LanguageIdSpec()),
    }
    items = make_items({"item": "a", "answers": ["Lima"]}, {"item": "b", "answers": ["Lima"]})
    names = [name for name in MeasuresSpec().metrics["facts"] if "rows" not in metric(name).NEEDS]
    table = measure_all(records, items, names, arm="npo", pair=0, seed=2)
    assert tuple(table.columns) == MEASUREMENTS
    assert table.groupby("metric")["item"].agg(list).to_dict() == {
        name: ["a", "b"] for name in names
    }
    assert (table["condition"] == "plain").all()
    assert table["row"].isna().all()
    assert table[["pair", "seed"]].drop_duplicates().to_numpy().tolist() == [[0, 2]]
    exact = table[table["metric"] == "exact_answer"]
    assert exact["value"].tolist() == [1.0, 0.0]
    types = {column: str(kind) for column, kind in table.dtypes.items()}
    assert types["row"] == "Int32"
    assert types["value"] == types["weight"] == "float64"
    assert types["item"] == types["reason"] == types["arm"] == "str"


def test_records_follow_from_the_metrics() -> None:
    assert needs(["exact_answer"]) == ["generations"]
    assert needs(["exact_answer", "perplexity"]) == ["generations", "tokens"]


def test_faults_are_named(make_items: Any, make_generations: Any) -> None:
    items = make_items({"item": "a", "answers": ["Lima"]})
    records = {"generations": make_generations({"a": "Lima"})}
    run = {"arm": "base", "pair": 0, "seed": 0}
    with pytest.raises(MetricError, match=r"not 'facts'; move it to measures\.metrics\.orders"):
        measure_all(records, items, ["orders_obeyed"], **run)
    clean = items.assign(deck="orders", family="none")
    with pytest.raises(MetricError, match="'orders_obeyed' finds nothing to measure"):
        measure_all(records, clean, ["orders_obeyed"], **run)
    with pytest.raises(UnknownMethodError, match="'exact_anser' is not a method.*'exact_answer'"):
        measure_all(records, items, ["exact_anser"], **run)


def test_measuring_imports_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from residue.measure.table import metric; import residue.measure.known;"
        "import residue.records.store;"
        "from residue.specs.measures import MeasuresSpec;"
        "[metric(name) for names in MeasuresSpec().metrics.values() for name in names];"
        "heavy = {'torch', 'transformers', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_table_survives_a_file(make_items: Any, make_generations: Any, tmp_path: Path) -> None:
    items = make_items({"item": "a", "answers": ["Lima"]}, {"item": "b"})
    records = {"generations": make_generations({"a": "Lima", "b": ""})}
    table = measure_all(records, items, ["exact_answer"], arm="base", pair=0, seed=0)
    table.to_parquet(tmp_path / "measurements.parquet", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "measurements.parquet"), table)
