"""A gate taught to weights: the loss is its formula, the pupil is drawn to the teacher and keeps
nothing of the gate that could be taken off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.answers import score
from residue.edits.arms import ArmError, open_arm
from residue.edits.attacks.gate_off import Attack as GateOff
from residue.edits.batches import pools
from residue.edits.methods.lora import Edit as Lora
from residue.edits.objectives.distil import Objective
from residue.edits.recipes import train_arm
from residue.edits.step import Step
from residue.edits.teaching import teacher_of
from residue.specs.arms import ArmSpec, StepSpec, TrainSpec
from residue.specs.fields import SpecError
from tests.unit.edits.making import fit_data

TEACHER = {"name": "sae_gate", "count": 24, "alpha": 2.0}
TRAIN = TrainSpec(
    steps=40, warmup=2, learning_rate=2e-2, batch={"forget": 7, "retain": 11}, check_every=0
)


def step_spec(**options: Any) -> StepSpec:
    edit = {"name": "lora", "rank": 8}
    return StepSpec(edit=edit, objective={"name": "distil", "teacher": TEACHER, **options},
                    train=TRAIN)  # fmt: skip


def mean_kl(p: torch.Tensor, q: torch.Tensor) -> float:
    each = p.softmax(1) * (p.log_softmax(1) - q.log_softmax(1))
    return float(each.sum(dim=1).mean())


def test_the_loss_is_its_formula(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame, sae_folder: Path
) -> None:
    model, tokenizer = loaded
    source = fit_data(model, tokenizer, edit_data, sae_folder)
    items = pools(tokenizer, edit_data)
    batch = {name: items[name][:5] for name in ("forget", "retain")}
    forget, retain = ([views[0] for views in batch[name]] for name in ("forget", "retain"))

    def said(examples: Any) -> Any:
        with torch.no_grad():
            return score(model, examples, row=1)

    before = {"forget": said(forget), "retain": said(retain)}
    teacher = teacher_of(step_spec(), model, tokenizer, source, seed=0)
    assert teacher is not None
    assert torch.equal(said(forget).logits, before["forget"].logits)  # off until it is asked
    pupil = Lora(rank=2).attach(model, seed=1, place=1)
    with torch.no_grad():
        for number, weight in enumerate(pupil.parameters().values()):
            noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(number))
            weight += 0.1 * noise
    with teacher.beside(pupil.detached)():
        aim = said(forget)
    now = {"forget": said(forget), "retain": said(retain)}
    objective = Objective(teacher=TEACHER, row=1, law_weight=2.0, row_weight=3.0, retain_weight=5.0)
    step = Step(model, pupil.detached, batch, batch, teacher=teacher.beside(pupil.detached))
    total, parts = objective.loss(step)

    def apart(h: torch.Tensor, a: torch.Tensor) -> float:
        return float(((h - a).square().sum(1) / a.square().sum(1)).mean())

    wanted = {
        "law": mean_kl(aim.logits, now["forget"].logits),
        "row": apart(now["forget"].hidden, aim.hidden),
        "kept_law": mean_kl(before["retain"].logits, now["retain"].logits),
        "kept_row": apart(now["retain"].hidden, before["retain"].hidden),
    }
    assert min(wanted.values()) > 1e-4
    assert {name: float(part.detach()) for name, part in parts.items()} == pytest.approx(
        wanted, rel=1e-4
    )
    by_hand = (
        2 * wanted["law"]
        + 3 * wanted["row"]
        + 5 * (2 * wanted["kept_law"] + 3 * wanted["kept_row"])
    )
    assert float(total.detach()) == pytest.approx(by_hand, rel=1e-4)
    with pytest.raises(RuntimeError, match="no teacher"):
        _ = Step(model, pupil.detached, batch, batch).forget.taught
    # Taken off, the teacher leaves no hook, no module and no flag behind.
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    teacher.take_off()
    assert {name for name, w in model.named_parameters() if w.requires_grad} == trained
    assert not any("residue_edit" in path for path, _ in model.named_modules())
    assert torch.equal(said(forget).logits, now["forget"].logits)


def test_the_pupil_says_what_the_gate_says_and_nothing_of_it_can_be_taken_off(
    base_folder: Path, edit_data: pd.DataFrame, sae_folder: Path, tmp_path: Path
) -> None:
    arms = {
        "pupil": ArmSpec(steps=(step_spec(),)),
        "gate": ArmSpec(steps=(StepSpec(edit=TEACHER, objective=None),)),
    }
    laws: dict[str, dict[str, torch.Tensor]] = {}
    removable = {}
    for name, spec in arms.items():
        home = tmp_path / name
        home.mkdir()
        arm, history = train_arm(
            base_folder, spec, edit_data, arm=name, pair=0, seed=0, home=home,
            layers=(1,), saes=[sae_folder],
        )  # fmt: skip
        (home / "arm.json").write_text(json.dumps(arm))
        removable[name] = [step["removable"] for step in arm["steps"]]
        with open_arm(home / "arm.json") as opened, torch.no_grad():
            items = pools(opened.tokenizer, edit_data)
            for key in ("forget", "retain"):
                examples = [views[0] for views in items[key]]
                laws.setdefault(key, {})[name] = score(opened.model, examples).logits
                with opened.detached():
                    laws[key]["base"] = score(opened.model, examples).logits
        if name == "pupil":
            assert float(history["law"].iloc[-1]) < 0.2 * float(history["law"].iloc[0])
    forget, retain = laws["forget"], laws["retain"]
    far = mean_kl(forget["gate"], forget["base"])
    assert far > 0.05
    assert mean_kl(forget["gate"], forget["pupil"]) < 0.2 * far
    # The gate says retain items otherwise as well; the pupil is held at the base there.
    assert mean_kl(retain["base"], retain["pupil"]) < 0.5 * mean_kl(retain["base"], retain["gate"])
    assert removable == {"pupil": [False], "gate": [True]}
    assert [part.name for part in sorted((tmp_path / "pupil/weights").iterdir())] == ["1-lora"]
    assert GateOff().fault(removable["gate"]) == ""
    assert "no removable step" in GateOff().fault(removable["pupil"])


def test_a_step_needs_and_names_what_its_teacher_reads() -> None:
    step = step_spec()
    assert step.needs() == {"layers", "sae", "features"}
    assert step.edits() == {"lora", "sae_gate"}
    assert StepSpec(edit="lora", objective="distil").needs() == {"layers", "sae"}
    assert StepSpec().needs() == frozenset()
    # Defaults written out are no change.
    written = {"name": "distil", "teacher": {"name": "gate_v2", "clamp": 2.0}}
    assert StepSpec(objective=written).objective == {"name": "distil"}


def test_teachers_that_cannot_teach_are_refused(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    with pytest.raises(SpecError, match="objective.teacher: is a trained edit"):
        StepSpec(objective={"name": "distil", "teacher": "loreft"})
    with pytest.raises(SpecError, match="did you mean 'sae_gate'"):
        StepSpec(objective={"name": "distil", "teacher": "sae_gates"})
    with pytest.raises(SpecError, match="nothing would be imitated"):
        Objective(law_weight=0.0, row_weight=0.0)
    model, tokenizer = loaded
    asked = StepSpec(objective={"name": "distil", "teacher": {"name": "refusal_prompt"}})
    with pytest.raises(ArmError, match="edits prompts"):
        teacher_of(asked, model, tokenizer, fit_data(model, tokenizer, edit_data), seed=0)
