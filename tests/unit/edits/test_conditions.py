"""Attacked arms: what each attack does, and that its result is an arm like any other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core.artifacts import read_json, write_json
from residue.edits.answers import Example, score
from residue.edits.arms import arm_file_of, arm_of_model, open_arm
from residue.edits.attacks.gate_off import Attack as GateOff
from residue.edits.attacks.prefill import Attack as Prefill
from residue.edits.attacks.quantise import Attack as Quantise
from residue.edits.attacks.quantise import rounded
from residue.edits.attacks.relearn import Attack as Relearn
from residue.edits.attacks.soft_prompt import Attack as SoftPrompt
from residue.edits.batches import pools
from residue.edits.conditions import Shown, attack_arm, taught
from residue.edits.recipes import train_arm
from residue.models.loading import load_model
from residue.specs import fields
from residue.specs.arms import ArmSpec
from residue.specs.conditions import ConditionSpec
from residue.specs.fields import SpecError
from residue.specs.plan import read_config

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]
TRAIN = {"steps": 3, "warmup": 1, "learning_rate": 2e-2, "batch": {"forget": 4, "retain": 5}}
LORA = {"edit": {"name": "lora", "rank": 2}, "objective": "npo", "train": TRAIN}
FULL = {"edit": "full", "objective": "npo", "train": {**TRAIN, "learning_rate": 1e-3}}
GUARD = {"edit": {"name": "suppress_answers", "threshold": -1.0}, "objective": None}


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return score(model, ITEMS).logits


@pytest.fixture
def tree(base_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(base_folder, tmp_path / "models" / "base")
    return tmp_path


@pytest.fixture
def shown(edit_data: pd.DataFrame) -> Shown:
    """Forget rows of two countries, one of which is for relearning."""
    forget = edit_data["set"] == "forget"
    country = pd.Series("R", index=edit_data.index).mask(forget, "T")
    country[edit_data.index[forget][:3]] = "L"
    roles = {"L": ("forget", "relearn"), "T": ("forget", "test"), "R": ("retain", "touched")}
    return Shown(edit_data.assign(country=country, language="en"), roles)


def trained(tree: Path, data: pd.DataFrame, *steps: dict[str, Any]) -> Path:
    home = tree / "arms" / "npo"
    base = tree / "models" / "base"
    if steps:
        recipe = fields.load(ArmSpec, {"steps": list(steps)}, "arms.test")
        arm, _ = train_arm(base, recipe, data, arm="npo", pair=0, seed=0, home=home)
    else:
        home.mkdir(parents=True)
        arm = arm_of_model(base, arm="base", pair=0, home=home)
    write_json(home / "arm.json", arm)
    return home / "arm.json"


def attacked(path: Path, attack: Any, name: str, shown: Shown) -> Path:
    """The attack's folder, written elsewhere first as a stage does."""
    home, staged = path.parent / "conditions" / name, path.parent / f".{name}.tmp"
    attack_arm(path, attack, name, shown, home=home, target=staged, seed=5)
    home.parent.mkdir(exist_ok=True)
    staged.rename(home)
    return home


@pytest.mark.parametrize("steps", [(), (LORA,), (LORA, GUARD)], ids=["base", "lora", "stack"])
def test_relearning_is_kept_at_every_listed_update(
    tree: Path, edit_data: pd.DataFrame, shown: Shown, steps: tuple[dict[str, Any], ...]
) -> None:
    path = trained(tree, edit_data, *steps)
    attack = Relearn(steps=(2, 12), learning_rate=2e-2, batch=3, rank=2)
    folder = attacked(path, attack, "again", shown)
    assert sorted(each.name for each in folder.iterdir()) == ["again_12", "again_2"]
    learnt = []
    for file in (path, *(arm_file_of(folder, f"again_{n}") for n in (2, 12))):
        with open_arm(file) as arm:
            rows = shown.rows[shown.rows["country"] == "L"]
            rows = rows.assign(prompt=rows["prompt"].map(arm.prompt))
            units = pools(arm.tokenizer, rows)["forget"]
            with torch.no_grad():
                learnt.append(float(score(arm.model, [v[0] for v in units]).sums.mean()))
            with arm.detached() as plain:
                base = load_model(tree / "models" / "base")[0]
                assert torch.equal(logits(plain), logits(base))
    assert learnt[0] < learnt[1] < learnt[2]
    said = read_json(arm_file_of(folder, "again_12"))
    assert (said["condition"], said["steps"][-1]["edit"]) == ("again_12", "lora")
    assert len(said["steps"]) == len(steps) + 1


def test_an_update_on_the_way_is_that_of_a_run_that_ends_there(
    tree: Path, edit_data: pd.DataFrame, shown: Shown
) -> None:
    path = trained(tree, edit_data)
    long = attacked(path, Relearn(steps=(2, 5), batch=3, rank=2), "long", shown)
    short = attacked(path, Relearn(steps=(2,), batch=3, rank=2), "short", shown)
    files = [next(f.rglob("adapter_model.safetensors")) for f in (long / "long_2", short)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("steps", [(), (LORA, GUARD)], ids=["base", "stack"])
def test_a_soft_prompt_teaches_what_it_is_trained_on_and_no_weight_changes(
    tree: Path, edit_data: pd.DataFrame, shown: Shown, steps: tuple[dict[str, Any], ...]
) -> None:
    path = trained(tree, edit_data, *steps)
    attack = SoftPrompt(tokens=3, updates=30, batch=3, learning_rate=5e-2)
    file = arm_file_of(attacked(path, attack, "soft_prompt", shown), "soft_prompt")
    said = []
    for each in (path, file):
        with open_arm(each) as arm:
            rows = shown.rows[shown.rows["country"] == "L"]
            rows = rows.assign(prompt=rows["prompt"].map(arm.prompt))
            units = pools(arm.tokenizer, rows)["forget"]
            with torch.no_grad():
                said.append(float(score(arm.model, [v[0] for v in units]).sums.mean()))
            text = arm.prompt("the c of fo is")
    assert said[0] < said[1]
    assert text.startswith("a a a ")
    step = read_json(file)["steps"][-1]
    assert step["edit"] == "soft_prompt"
    (weights,) = (file.parent / step["file"]).glob("*.safetensors")
    assert weights.stat().st_size < 4 * 3 * 32 + 200


@pytest.mark.parametrize(
    ("data", "countries"), [("other", {"L"}), ("same", {"T"}), ("benign", {"R"})]
)
def test_each_kind_of_relearning_sees_its_own_facts(
    shown: Shown, data: Any, countries: set[str]
) -> None:
    rows = taught(shown, data)
    assert set(rows["country"]) == countries
    assert not rows["set"].str.startswith("dev").any()


def test_nothing_to_learn_from_is_said(shown: Shown) -> None:
    nobody = Shown(shown.rows, {})
    with pytest.raises(ValueError, match="nothing to learn from.*'other'"):
        taught(nobody, "other")


def nearest(weight: torch.Tensor, code: torch.Tensor, block: int) -> torch.Tensor:
    """Round to the nearest entry of a code, scaled to each block's largest size."""
    flat = weight.reshape(-1)
    parts = []
    for part in flat.split(block):
        largest = part.abs().max()
        index = (part[:, None] / largest - code).abs().argmin(dim=1)
        parts.append(code[index] * largest)
    return torch.cat(parts).view_as(weight)


@pytest.mark.parametrize("shape", [(4, 64), (128, 96), (48, 32), (5, 7), (1, 200)])
def test_nf4_is_the_published_code_whatever_the_shape(shape: tuple[int, int]) -> None:
    """Levels are quantiles of a normal (Dettmers et al. 2023, appendix E), exact to four digits.

    bitsandbytes 0.50.2 on the CPU gives other values back for rows that are no whole blocks.
    """
    from scipy.stats import norm

    offset = 0.9677083
    positive = norm.ppf(torch.linspace(offset, 0.5, 9)[:-1].double().numpy())
    negative = -norm.ppf(torch.linspace(offset, 0.5, 8)[:-1].double().numpy())
    levels = sorted([*positive, *negative, 0.0])
    code = torch.tensor(levels, dtype=torch.float32) / max(levels)
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        rounded(weight, "nf4"), nearest(weight, code, 64), atol=2e-3, rtol=1e-3
    )


def test_int8_is_one_scale_per_output() -> None:
    weight = torch.randn(6, 40, generator=torch.Generator().manual_seed(2))
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    own = (weight / scale).round() * scale
    assert float((rounded(weight, "int8") - own).abs().max()) < 1.01 * float(scale.max())
    assert float((rounded(weight, "int8") - weight).norm() / weight.norm()) < 0.01


@pytest.mark.parametrize("steps", [(LORA,), (FULL,), (FULL, LORA)], ids=["lora", "full", "both"])
def test_rounding_starts_from_the_edited_weights(
    tree: Path,
    edit_data: pd.DataFrame,
    shown: Shown,
    steps: tuple[dict[str, Any], ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = trained(tree, edit_data, *steps)
    monkeypatch.setattr("residue.edits.attacks.quantise.rounded", lambda weight, kind: weight)
    whole = attacked(path, Quantise(), "whole", shown)
    monkeypatch.undo()
    folder = attacked(path, Quantise(), "nf4", shown)
    with open_arm(path) as arm:
        edited = logits(arm.model)
    with open_arm(arm_file_of(whole, "whole")) as arm:
        torch.testing.assert_close(logits(arm.model), edited, atol=1e-4, rtol=1e-4)
        weights = {name: w.clone() for name, w in arm.model.named_parameters()}
    with open_arm(arm_file_of(folder, "nf4")) as arm:
        assert arm.edits == []
        assert not torch.allclose(logits(arm.model), edited, atol=1e-3)
        for name, weight in arm.model.named_parameters():
            linear = "layers" in name and weight.ndim == 2
            wanted = rounded(weights[name], "nf4") if linear else weights[name]
            torch.testing.assert_close(weight, wanted, atol=1e-6, rtol=1e-5)


def test_a_hook_stays_on_top_of_rounded_weights(
    tree: Path, edit_data: pd.DataFrame, shown: Shown
) -> None:
    path = trained(tree, edit_data, LORA, GUARD)
    folder = attacked(path, Quantise(kind="int8"), "int8", shown)
    with open_arm(arm_file_of(folder, "int8")) as arm:
        assert [step["edit"] for step in arm.arm["steps"]] == ["suppress_answers"]
        guarded = logits(arm.model)
        with arm.detached() as plain:
            assert not torch.equal(logits(plain), guarded)


def test_gates_come_off_and_weights_stay(tree: Path, edit_data: pd.DataFrame, shown: Shown) -> None:
    path = trained(tree, edit_data, LORA, GUARD)
    folder = attacked(path, GateOff(), "gate_off", shown)
    with open_arm(path) as arm, arm.edits[1].detached():
        wanted = logits(arm.model)
    with open_arm(arm_file_of(folder, "gate_off")) as arm:
        assert torch.equal(logits(arm.model), wanted)
    assert GateOff().fault([False]) == "has no removable step to take off"
    assert GateOff().fault([]) == ""  # base and oracle, as controls


def test_a_prefilled_arm_is_the_arm(tree: Path, edit_data: pd.DataFrame, shown: Shown) -> None:
    path = trained(tree, edit_data, LORA)
    folder = attacked(path, Prefill(tokens=2), "given", shown)
    with open_arm(path) as arm, open_arm(arm_file_of(folder, "given")) as again:
        assert torch.equal(logits(arm.model), logits(again.model))
        assert again.arm["prefill"] == 2


def test_conditions_are_named_and_refused_in_the_config() -> None:
    last = {"attacked_vs_oracle": {"conditions": ["relearn_other_60"]}}
    plan = read_config(
        {"conditions": {"nf4": None, "relearn_other": {"arms": ["npo"]}}, "estimands": last}
    )
    names = ["relearn_other_10", "relearn_other_60"]
    assert [c for *_, c in plan.attacked()] == names * 3
    assert plan.attack_of("relearn_other_60") == "relearn_other"
    whole = read_config({})
    assert {arm for arm, *_ in whole.attacks()} == {"base", "oracle", *whole.config.arms}
    # Nothing to take off where the arms are named by no one; an error where somebody names them.
    off = {"conditions": {"gate_off": {"attack": "gate_off"}}}
    assert {arm for arm, *_, name in read_config(off).attacks() if name == "gate_off"} == {
        "base", "oracle", "reft_gate", "suppressor",
    }  # fmt: skip
    with pytest.raises(SpecError, match=r"conditions: nothing makes 'nf4'; .*relearn_other_10"):
        read_config({"conditions": {"nf4": None}})
    neither = {"nf4": None, "relearn_other": None}
    assert read_config({"conditions": neither}).attacks() == []
    for conditions, said in (
        ({"gate_off": {"attack": "gate_off", "arms": ["npo"]}}, "no removable step"),
        ({"nf4": {"arms": ["nobody"]}}, "'nobody' is not an arm"),
        ({"relearn-other": {}}, "is no name"),
        ({"relearn_other_10": {"attack": "prefill"}}, "makes 'relearn_other_10'"),
        ({"plain": {"attack": "prefill"}}, "makes 'plain'"),
    ):
        with pytest.raises(SpecError, match=said):
            read_config({"conditions": conditions})


@pytest.mark.parametrize(
    "options",
    [{"steps": []}, {"steps": [5, 5]}, {"steps": [0, 2]}, {"batch": 0}, {"learning_rate": -1.0}],
)
def test_impossible_relearning_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=next(iter(options))):
        ConditionSpec(attack={"name": "relearn", **options})
