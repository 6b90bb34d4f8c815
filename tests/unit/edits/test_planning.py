"""The plan of a run: which jobs it has rows for, and what changes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.core import methods
from residue.edits.attacks.prefill import Attack as Prefill
from residue.edits.attacks.relearn import Attack as Relearn
from residue.edits.feed import Shown
from residue.edits.planning import plan_run, require_fit
from residue.models.loading import load_tokenizer
from residue.models.memory import GIB, MemoryPlanError
from residue.specs.arms import EDITS, OBJECTIVES, ArmSpec, StepSpec
from residue.specs.model import LoadSpec
from residue.specs.training import TrainSpec

NPO = StepSpec(edit="lora", objective="npo", train=TrainSpec(batch={"forget": 2, "retain": 2}))
ATTACKS = {
    "few": Relearn(batch=2), "many": Relearn(batch=8), "prefill": Prefill(),
}  # fmt: skip
TRAINED = [x for x in methods.names(EDITS) if hasattr(methods.load(EDITS, x).Edit, "attach")]
FORGETTING = [
    name
    for name in methods.names(OBJECTIVES)
    if not getattr(methods.load(OBJECTIVES, name).Objective, "DATA", "") and name != "distil"
]
"""But for the one whose edit to imitate reads an SAE."""


def planned(folder: Path, data: pd.DataFrame, **load: Any) -> pd.DataFrame:
    return plan_run(
        folder, LoadSpec(**load), {"npo": ArmSpec(steps=(NPO,))},
        Shown(load_tokenizer(folder), data, None), attacks=ATTACKS, device="cpu", limit=GIB,
    )  # fmt: skip


def test_every_job_that_opens_a_model_has_a_row(base_folder: Path, edit_data: pd.DataFrame) -> None:
    table = planned(base_folder, edit_data)
    assert list(zip(table["rule"], table["arm"], strict=True)) == [
        ("open", ""), ("record", ""), ("record_stream", ""), ("train_arm", "npo"),
        ("attack_arm", "few"), ("attack_arm", "many"),
    ]  # fmt: skip
    rows = table.set_index("arm").loc[["few", "many"]]
    assert rows.loc["few", "activations"] < rows.loc["many", "activations"]
    assert rows.loc["few", "adapter"] == rows.loc["many", "adapter"]
    assert set(table["weights"]) == {table["weights"][0]}
    packed = planned(base_folder, edit_data, weights="nf4")
    assert set(packed["weights"]) == {packed["weights"][0]}
    assert packed["weights"][0] < table["weights"][0]


def plan_of(folder: Path, data: pd.DataFrame, step: StepSpec) -> dict[str, Any]:
    table = plan_run(
        folder, LoadSpec(), {"arm": ArmSpec(steps=(step,))},
        Shown(load_tokenizer(folder), data, None), attacks={}, device="cpu", limit=GIB,
    )  # fmt: skip
    (row,) = table[table["rule"] == "train_arm"].to_dict("records")
    return {str(key): value for key, value in row.items()}


@pytest.mark.parametrize("edit", TRAINED)
def test_every_edit_that_is_trained_has_a_plan(
    base_folder: Path, edit_data: pd.DataFrame, edit: str
) -> None:
    row = plan_of(base_folder, edit_data, replace(NPO, edit={"name": edit}))
    assert row["adapter"] > 0
    assert row["total"] > row["weights"] + row["adapter"]


@pytest.mark.parametrize("objective", FORGETTING)
def test_every_objective_of_forgetting_has_a_plan(
    base_folder: Path, edit_data: pd.DataFrame, objective: str
) -> None:
    data = edit_data.assign(alternate="ab")
    row = plan_of(base_folder, data, replace(NPO, objective={"name": objective}))
    assert row["activations"] > 0


def test_what_cannot_fit_names_its_mend(base_folder: Path, edit_data: pd.DataFrame) -> None:
    table = planned(base_folder, edit_data)
    require_fit(table)
    for rule, mend in (("attack_arm", "smaller batches"), ("train_arm", "train.base: nf4")):
        over = table.assign(share=table["rule"].map({rule: 2.0}).fillna(0.1))
        with pytest.raises(MemoryPlanError, match=rf"{rule} of .*model\.load\.weights.*{mend}"):
            require_fit(over)
