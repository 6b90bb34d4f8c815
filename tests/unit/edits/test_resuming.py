"""Arms whose training holds more than weights: after a kill they end with the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.edits import checkpoints
from residue.edits.recipes import train_arm
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.training import TrainSpec

STEPS = 56
"""A few more than lie between two states of an arm in training."""


class Killed(Exception):
    """Stands for a kill just after a state was written."""


@pytest.mark.parametrize(
    ("objective", "arrangement"),
    [
        ({"name": "pdu", "limit": 0.01, "rate": 30.0}, {}),
        ({"name": "npo"}, {"curriculum": 2.0, "reweight": 1.0}),
        ({"name": "npo"}, {"apart": {"forget": 1.0, "retain": 0.5}}),
    ],
    ids=["pdu", "curriculum", "apart"],
)
def test_a_killed_arm_ends_with_the_same_bytes(
    base_folder: Path,
    edit_data: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    objective: dict[str, Any],
    arrangement: dict[str, Any],
) -> None:
    """The multiplier of `pdu`, the draws of a curriculum and both roles' moments are where they
    were."""
    train = TrainSpec(
        steps=STEPS, learning_rate=1e-2, batch={"forget": 3, "retain": 4}, check_every=0,
        **arrangement,
    )  # fmt: skip
    edit = {"name": "lora", "rank": 2, "dropout": 0.1}
    recipe = ArmSpec(steps=(StepSpec(edit=edit, objective=objective, train=train),))

    def trained(name: str, state: Path | None) -> tuple[Any, pd.DataFrame]:
        arm, history = train_arm(
            base_folder, recipe, edit_data, arm="a", pair=0, seed=0, home=tmp_path / name,
            state_dir=state,
        )  # fmt: skip
        return arm["steps"][0]["sha256"], history

    straight, history = trained("straight", None)
    save = checkpoints.save

    def save_and_die(*args: Any) -> None:
        save(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", save_and_die)
        with pytest.raises(Killed):
            trained("killed", tmp_path / "state")
    assert list((tmp_path / "state").rglob("*.safetensors"))
    resumed, again = trained("resumed", tmp_path / "state")
    assert resumed == straight
    pd.testing.assert_frame_equal(again, history, check_exact=True)
    if objective["name"] == "pdu":
        # It has moved both ways: what is resumed is no constant.
        moves = history["multiplier"].diff().dropna()
        assert moves.min() < 0 < moves.max()
