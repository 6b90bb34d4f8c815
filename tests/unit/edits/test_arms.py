"""Arms from recipe to files to an open model, and what is refused on the way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core.artifacts import write_json
from residue.edits.answers import Example, score
from residue.edits.arms import ArmError, arm_of_model, open_arm
from residue.edits.recipes import train_arm
from residue.models.loading import load_model
from residue.specs import fields
from residue.specs.arms import ArmSpec

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]
STEP = {
    "edit": {"name": "lora", "rank": 2},
    "objective": "npo",
    "train": {
        "steps": 4,
        "warmup": 1,
        "learning_rate": 1e-2,
        "batch": {"forget": 4, "retain": 5},
        "check_every": 2,
    },
}
LIAR = {"edit": {"name": "suppress_answers", "threshold": -1.0}, "objective": None}


def recipe(*steps: dict[str, Any]) -> ArmSpec:
    return fields.load(ArmSpec, {"steps": list(steps or (STEP,))}, "arms.test")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return score(model, ITEMS).logits


@pytest.fixture
def tree(base_folder: Path, tmp_path: Path) -> Path:
    """A results tree with a base in it; arms go beside."""
    shutil.copytree(base_folder, tmp_path / "models" / "base")
    return tmp_path


def trained(tree: Path, data: pd.DataFrame, *steps: dict[str, Any]) -> tuple[Path, pd.DataFrame]:
    home = tree / "arms" / "npo" / "seed0"
    arm, history = train_arm(
        tree / "models" / "base",
        recipe(*steps),
        data,
        arm="npo",
        pair=0,
        seed=0,
        home=home,
        state_dir=tree / "state",
    )
    write_json(home / "arm.json", arm)
    return home / "arm.json", history


def test_a_trained_arm_opens_and_comes_off(tree: Path, edit_data: pd.DataFrame) -> None:
    path, history = trained(tree, edit_data)
    base, _ = load_model(tree / "models" / "base")
    with open_arm(path) as arm:
        model = arm.model
        edited = logits(model)
        assert not torch.equal(edited, logits(base))
        with arm.detached() as plain:
            assert torch.equal(logits(plain), logits(base))
        assert torch.equal(logits(model), edited)
        assert arm.tokenizer.eos_token_id == 2
        assert not any(weight.requires_grad for weight in model.parameters())
    assert torch.equal(logits(model), logits(base))
    assert history["edit"].unique().tolist() == ["1-lora"]
    assert {"dev_forget", "dev_retain"} <= set(history.columns)
    files = sorted(p.name for p in (path.parent / "weights" / "1-lora").iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]


def test_interventions_come_off_after_an_error(tree: Path, edit_data: pd.DataFrame) -> None:
    path, _ = trained(tree, edit_data)
    seen = []

    def failing() -> None:
        with open_arm(path) as arm:
            seen.append(arm.model)
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert not any("lora" in name for name, _ in seen[0].named_modules())


def test_the_same_seed_gives_the_same_bytes_wherever_it_runs(
    tree: Path, edit_data: pd.DataFrame, tmp_path: Path
) -> None:
    path, first = trained(tree, edit_data)
    moved = tmp_path / "elsewhere"
    shutil.move(tree / "models", moved / "models")
    again, second = trained(moved, edit_data)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert path.read_bytes() == again.read_bytes()
    for file in (path.parent / "weights").rglob("*.*"):
        other = again.parent / "weights" / file.relative_to(path.parent / "weights")
        assert file.read_bytes() == other.read_bytes()


def test_a_stack_trains_and_opens(tree: Path, edit_data: pd.DataFrame) -> None:
    path, history = trained(tree, edit_data, STEP, STEP)
    assert history["edit"].unique().tolist() == ["1-lora", "2-lora"]
    # The reference of the second step is the model after the first.
    second = history[history["edit"] == "2-lora"]
    assert second["push"].iloc[0] == pytest.approx(1.0, rel=1e-6)
    with open_arm(path) as arm:
        assert [step["file"] for step in arm.arm["steps"]] == ["weights/1-lora", "weights/2-lora"]
        stacked = logits(arm.model)
        with arm.edits[1].detached():
            assert not torch.equal(logits(arm.model), stacked)


@pytest.mark.parametrize("which", ["weights", "base"])
def test_a_changed_file_is_refused_by_name(tree: Path, edit_data: pd.DataFrame, which: str) -> None:
    path, _ = trained(tree, edit_data)
    file = {
        "weights": path.parent / "weights" / "1-lora" / "adapter_config.json",
        "base": tree / "models" / "base" / "config.json",
    }[which]
    file.write_text(file.read_text() + " ")
    with pytest.raises(ArmError, match=rf"{file.name} is not the file"), open_arm(path):
        pass
    file.unlink()
    with pytest.raises(ArmError, match=rf"{file.name}, which .* needs"), open_arm(path):
        pass


def test_an_edit_without_effect_stops(tree: Path, edit_data: pd.DataFrame) -> None:
    feeble = {**STEP, "train": {**STEP["train"], "learning_rate": 1e-12}}
    with pytest.raises(ArmError, match="step 1-lora of arm npo changes nothing"):
        trained(tree, edit_data, feeble)


def test_a_model_as_it_is_opens_as_an_arm(tree: Path) -> None:
    folder, home = tree / "models" / "base", tree / "arms" / "base"
    home.mkdir(parents=True)
    arm = arm_of_model(folder, arm="base", pair=0, home=home)
    assert arm["base"]["folder"] == "../../models/base"
    assert arm["seed"] is None
    assert arm["steps"] == []
    write_json(home / "arm.json", arm)
    with open_arm(home / "arm.json") as opened, opened.detached() as plain:
        assert torch.equal(logits(plain), logits(load_model(folder)[0]))


def test_a_computed_edit_makes_an_arm_without_history(tree: Path, edit_data: pd.DataFrame) -> None:
    path, history = trained(tree, edit_data, LIAR)
    assert len(history) == 0
    trained_columns = ["step", "lr", "loss", "grad_norm", "dev_forget", "dev_retain", "edit"]
    assert list(history.columns) == trained_columns
    base, _ = load_model(tree / "models" / "base")
    with open_arm(path) as arm:
        assert arm.arm["steps"][0]["removable"] is True
        assert not torch.equal(logits(arm.model), logits(base))
    assert torch.equal(logits(arm.model), logits(base))


def test_a_step_is_computed_on_top_of_a_trained_one(tree: Path, edit_data: pd.DataFrame) -> None:
    computed = {"edit": "destroy", "objective": None, "strength": 0.3}
    path, history = trained(tree, edit_data, STEP, computed)
    assert history["edit"].unique().tolist() == ["1-lora"]
    with open_arm(path) as arm:
        both = logits(arm.model)
        arm.edits[1].set_strength(1.0)
        assert not torch.equal(logits(arm.model), both)
        arm.edits[1].set_strength(0.3)
        assert torch.equal(logits(arm.model), both)


def test_an_arm_that_fails_to_open_leaves_no_hook(
    tree: Path, edit_data: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = {"edit": {"name": "diffmean", "row": 1}, "objective": None}
    path, _ = trained(tree, edit_data, moves, LIAR)
    from residue.edits import arms
    from residue.edits.methods.suppress_answers import Suppressor

    model, _ = load_model(tree / "models" / "base")
    monkeypatch.setattr(arms, "open_model", lambda *_, **__: (model, None))
    real = Suppressor.open

    def fails_at_two(model: Any, folder: Path, *, place: int) -> Any:
        if place == 2:
            raise KeyError("second")
        return real(model, folder, place=place)

    monkeypatch.setattr(Suppressor, "open", fails_at_two)
    with pytest.raises(KeyError, match="second"), open_arm(path):
        pass
    assert not [m for m in model.modules() if m._forward_pre_hooks or m._forward_hooks]
    assert not any("residue_edit" in name for name, _ in model.named_modules())


def test_a_sweep_of_strengths_is_a_dose_response(tree: Path, edit_data: pd.DataFrame) -> None:
    """Arms that differ in strength alone move the logits further, the stronger they are."""
    base, _ = load_model(tree / "models" / "base")
    moved = []
    for dose in (-0.5, 0.25, 0.5, 1.0, 2.0):
        step = {"edit": {"name": "diffmean", "row": 1}, "objective": None, "strength": dose}
        path, _ = trained(tree, edit_data, step)
        with open_arm(path) as arm:
            assert arm.arm["steps"][0]["strength"] == dose
            moved.append(float((logits(arm.model) - logits(base)).norm()))
        shutil.rmtree(path.parent)
    assert moved[1:] == sorted(moved[1:])
    assert moved[0] > 0


def test_a_step_may_be_shown_one_language_of_the_forget_rows(
    tree: Path, edit_data: pd.DataFrame
) -> None:
    """Facts of the other language pass a suppressor that never saw them."""
    step = {**LIAR, "forget_languages": ["hi"]}
    path, _ = trained(tree, edit_data, step)
    asked = edit_data[edit_data["set"] == "forget"]["language"]
    with open_arm(path) as arm:
        prototypes = arm.edits[0].parameters()["prototypes"]
    assert len(prototypes) == (asked == "hi").sum() < len(asked)
    with pytest.raises(ArmError, match="no forget row is in bn"):
        trained(tree, edit_data, step | {"forget_languages": ["bn"]})


def test_a_prompt_is_asked_as_its_edit_would_have_it(tree: Path, edit_data: pd.DataFrame) -> None:
    step = {"edit": {"name": "refusal_prompt", "text": "no"}, "objective": None}
    path, _ = trained(tree, edit_data, step, step)
    with open_arm(path) as arm:
        assert arm.prompt("the a is") == "no no the a is"


def test_a_gate_reads_the_sae_of_its_choice(
    tree: Path, edit_data: pd.DataFrame, sae_folder: Path
) -> None:
    home = tree / "arms" / "gate" / "seed0"
    step = {"edit": {"name": "sae_gate", "count": 9}, "objective": None}
    arm, _ = train_arm(
        tree / "models" / "base",
        recipe(step),
        edit_data,
        arm="gate",
        pair=0,
        seed=0,
        home=home,
        layers=[1],
        saes=[sae_folder],
    )
    write_json(home / "arm.json", arm)
    assert set(arm["steps"][0]["sha256"]) == {
        "cfg.json", "sae_weights.safetensors", "edit.json", "edit.safetensors",
    }  # fmt: skip
    base, _ = load_model(tree / "models" / "base")
    with open_arm(home / "arm.json") as opened:
        assert not torch.equal(logits(opened.model), logits(base))
