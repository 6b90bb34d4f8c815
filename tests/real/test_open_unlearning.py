"""An exported EVAL.json, taken up by open-unlearning's own evaluator.

Opt-in: `RESIDUE_OPEN_UNLEARNING=FOLDER`, a checkout of github.com/locuslab/open-unlearning. Of it
`src/evals/base.py` alone is run, with names in the place of its metrics: these want a model, and
what is asked is whether the evaluator knows our numbers as its own and computes none anew.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from residue.core.artifacts import write_json
from residue.measure.table import measure_all
from residue.records.outputs.deck import asked_deck
from residue.records.outputs.reading import read_outputs
from residue.records.outputs.tables import spoken
from residue.report.eval_json import eval_json, summary
from residue.specs.outputs import Outputs
from tests import outputs_files

FOLDER = os.environ.get("RESIDUE_OPEN_UNLEARNING", "")


def evaluator_class(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Their class `Evaluator`; a metric that it calls after all fails the test."""

    def compute(*_: Any, metric_name: str, **__: Any) -> None:
        pytest.fail(f"{metric_name} was computed anew")

    metrics = types.ModuleType("evals.metrics")
    vars(metrics)["get_metrics"] = lambda names: dict.fromkeys(names, compute)
    monkeypatch.setitem(sys.modules, "evals", types.ModuleType("evals"))
    monkeypatch.setitem(sys.modules, "evals.metrics", metrics)
    file = Path(FOLDER) / "src/evals/base.py"
    spec = importlib.util.spec_from_file_location("their_evaluator", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Evaluator


@pytest.mark.skipif(not FOLDER, reason="opt-in: RESIDUE_OPEN_UNLEARNING names a checkout of it")
def test_its_evaluator_takes_our_numbers_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = outputs_files.open_unlearning(tmp_path / "theirs.json", ("retain",))
    found, _ = read_outputs([(Outputs(file="x"), source)])
    deck, _ = asked_deck(found)
    generations, values = (table.to_pandas() for table in spoken(found, deck))
    measured = measure_all(
        {"generations": generations}, deck, ["exact_answer", "answer_probability"],
        arm="a", pair=0, seed=0, values=values,
    )  # fmt: skip
    made, absent = eval_json(measured, generations, deck)
    assert {"forget_Q_A_Prob", "forget_Q_A_ROUGE", "retain_Q_A_Prob"} <= set(made)
    write_json(tmp_path / "RESIDUE_EVAL.json", made)
    write_json(tmp_path / "RESIDUE_SUMMARY.json", {"stale": 0.0})
    config = types.SimpleNamespace(
        metrics=list(made), output_dir=str(tmp_path), overwrite=False, name="RESIDUE"
    )
    theirs = evaluator_class(monkeypatch)("RESIDUE", config)
    model = types.SimpleNamespace(eval=lambda: None)
    assert theirs.evaluate(model) == summary(made)
    assert json.loads((tmp_path / "RESIDUE_SUMMARY.json").read_text()) == summary(made)
    assert not set(absent) & set(made)
