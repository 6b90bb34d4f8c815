"""What others made opens as an arm: its logits are theirs, and without it the base's are back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from residue.core.artifacts import write_json
from residue.edits.arms import ArmError, open_arm
from residue.edits.given import take_over
from residue.models.loading import load_model
from residue.specs import fields
from residue.specs.arms import ArmSpec
from residue.specs.fields import SpecError

IDS = torch.tensor([[1, 5, 9, 7, 4]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture
def edited(base_folder: Path, tmp_path: Path) -> Path:
    """The base with two of its weights moved, saved by `transformers`."""
    model, tokenizer = load_model(base_folder)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(1.5)
        model.model.norm.weight.add_(0.3)
    model.save_pretrained(tmp_path / "edited")
    tokenizer.save_pretrained(tmp_path / "edited")
    return tmp_path / "edited"


@pytest.fixture
def adapter(base_folder: Path, tmp_path: Path) -> Path:
    """A LoRA adapter with nonzero updates, saved by `peft`."""
    import peft

    model, _ = load_model(base_folder)
    made = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.2)
    made.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def taken(base: Path, kind: str, folder: Path, home: Path) -> Path:
    home.mkdir()
    arm = take_over(
        base, kind, folder, arm="theirs", pair=0, seed=0, home=home, weights=home / "weights"
    )
    write_json(home / "arm.json", arm)
    return home / "arm.json"


def test_a_model_folder_opens_as_itself_and_as_its_base(
    base_folder: Path, edited: Path, tmp_path: Path
) -> None:
    file = taken(base_folder, "model", edited, tmp_path / "arm")
    wanted = logits(load_model(edited)[0])
    shutil.rmtree(edited)  # the arm holds a copy
    with open_arm(file) as arm:
        assert torch.equal(logits(arm.model), wanted)
        with arm.detached() as base:
            assert torch.equal(logits(base), logits(load_model(base_folder)[0]))


def test_an_adapter_folder_opens_as_peft_opens_it(
    base_folder: Path, adapter: Path, tmp_path: Path
) -> None:
    import peft

    file = taken(base_folder, "adapter", adapter, tmp_path / "arm")
    wanted = logits(peft.PeftModel.from_pretrained(load_model(base_folder)[0], adapter))
    with open_arm(file) as arm:
        assert torch.allclose(logits(arm.model), wanted, atol=1e-6)


def test_what_does_not_fit_or_changes_nothing_is_refused(
    base_folder: Path, edited: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArmError, match="holds the weights of the base"):
        taken(base_folder, "model", base_folder, tmp_path / "same")
    shape = json.loads((edited / "config.json").read_text())
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(LlamaConfig(**shape | {"intermediate_size": 24})).save_pretrained(edited)
    with pytest.raises(ArmError, match="does not fit the base: .*mlp"):
        taken(base_folder, "model", edited, tmp_path / "odd")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"peft_type": "IA3"}))
    with pytest.raises(ArmError, match="of the type 'IA3'"):
        taken(base_folder, "adapter", adapter, tmp_path / "ia3")


@pytest.mark.parametrize("kind", ["model", "adapter"])
def test_an_exported_folder_is_the_arm(
    kind: str, base_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from residue.cli import main

    home = tmp_path / "r/arms/theirs/pair0/seed0"
    home.parent.mkdir(parents=True)
    file = taken(base_folder, kind, request.getfixturevalue({"model": "edited"}.get(kind, kind)),
                 home)  # fmt: skip
    with open_arm(file) as arm:
        wanted = logits(arm.model)
    target = str(tmp_path / "out")
    words = ["export", target, "--format", "transformers", "--arm", "theirs"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--out", str(tmp_path / "r")])
    assert end.value.code == 0
    plain = AutoModelForCausalLM.from_pretrained(target).eval()
    assert torch.allclose(logits(plain), wanted, atol=1e-6)
    assert AutoTokenizer.from_pretrained(target).encode("the a")


def test_an_intervention_is_no_folder_of_weights(base_folder: Path, tmp_path: Path) -> None:
    import argparse

    from residue.commands.export import ExportError, transformers_folder
    from residue.edits.arms import arm_json, digests
    from residue.specs.arms import StepSpec

    model, _ = load_model(base_folder)
    step = StepSpec(edit={"name": "loreft", "rank": 2, "row": 1})
    edit = step.built_edit().attach(model, seed=0, place=1)
    home = tmp_path / "r/arms/reft/pair0/seed0"
    edit.save(home / "weights/1-loreft")
    entry = {
        "edit": "loreft", "file": "weights/1-loreft", "hook": edit.hook, "removable": False,
        "sha256": digests(home / "weights/1-loreft"), "strength": 1.0,
    }  # fmt: skip
    write_json(home / "arm.json", arm_json(base_folder, "reft", 0, 0, [entry], home))
    chosen = argparse.Namespace(
        out=tmp_path / "r", arm="reft", pair=0, seed=0, folder=tmp_path / "x"
    )
    with pytest.raises(ExportError, match="reft cannot be one folder of weights: .*row 1"):
        transformers_folder(chosen)


def test_steps_stand_on_those_of_another_arm(
    base_folder: Path, edited: Path, edit_data: Any, tmp_path: Path
) -> None:
    from residue.edits.recipes import train_arm

    file = taken(base_folder, "model", edited, tmp_path / "first")
    recipe = fields.load(
        ArmSpec,
        {"seeds": [0], "steps": [{"edit": "lora", "objective": "npo",
          "train": {"steps": 2, "warmup": 1, "batch": {"forget": 2, "retain": 2}}}]},
        "arms.a",
    )  # fmt: skip
    home = tmp_path / "second"
    arm, _ = train_arm(
        base_folder, recipe, edit_data, arm="more", pair=0, seed=0, home=home, after=file
    )
    write_json(home / "arm.json", arm)
    assert [step["file"] for step in arm["steps"]] == ["weights/1-full", "weights/2-lora"]
    with open_arm(home / "arm.json") as opened:
        whole = logits(opened.model)
        opened.edits[1].set_strength(0.0)
        assert torch.equal(logits(opened.model), logits(load_model(edited)[0]))
        assert not torch.equal(logits(opened.model), whole)


def test_an_arm_begins_in_one_way() -> None:
    def arm(**keys: Any) -> ArmSpec:
        return fields.load(ArmSpec, keys, "arms.a")

    assert arm(model="m").seeds == (0,)
    assert arm(model="m-{seed}").folder(2) == "m-2"
    assert [step.edit["name"] for step in arm(adapter="x").given_steps()] == ["lora"]
    for keys, fault in (
        ({"model": "m", "adapter": "a"}, "begins in one way"),
        ({"model": "m", "steps": [{"edit": "loreft"}]}, "leave them out"),
        ({"model": "m", "seeds": [0, 1]}, r"write \{seed\}"),
    ):
        with pytest.raises(SpecError, match=fault):
            arm(**keys)
