"""Five architectures with tokenizers of their own, from a folder to edits, SAE and four bits.

Two that differ most run always, the others with `make test-slow`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from residue.core.artifacts import write_json
from residue.edits.arms import ARM, arm_of_model, open_arm
from residue.edits.attacks.quantise import Attack
from residue.edits.conditions import Shown, attack_arm
from residue.edits.recipes import train_arm
from residue.lens.observation import observe
from residue.lens.selftest import judge, require
from residue.models.blocks import describe
from residue.models.encoding import encode_prompts, pad_id
from residue.models.head import read_head
from residue.records.recorder import record
from residue.records.stream import StreamFile, write_stream
from residue.records.texts import record_texts
from residue.sae.origin import hook_name, origin
from residue.sae.training import train_saes
from residue.specs.arms import ArmSpec, StepSpec
from residue.specs.records import RecordsSpec
from residue.specs.sae import SaeShape, SaeTraining
from residue.specs.training import TrainSpec
from tests.architectures import KINDS, save_architecture

ALWAYS = ("gemma2", "gpt2")
PEOPLE = ("Ada Quill", "Pell Oster", "Tomo Reyle", "Ilva Brandt")
TRAIN = TrainSpec(steps=2, warmup=0, learning_rate=0.01, check_every=0,
                  batch={"forget": 2, "retain": 2})  # fmt: skip
EDITS = ({"name": "lora", "rank": 2}, {"name": "loreft", "rank": 2, "row": 2})


@pytest.fixture(
    scope="module",
    params=[k if k in ALWAYS else pytest.param(k, marks=pytest.mark.slow) for k in KINDS],
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_architecture(tmp_path_factory.mktemp("given") / request.param, request.param)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rows = [
        {"set": "forget" if place % 2 else "retain", "item": str(place), "country": who,
         "prompt": f"Where does {who} live?", "answer": f"in {who[:3]}", "language": "en"}
        for place, who in enumerate(PEOPLE)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def make(folder: Path, data: pd.DataFrame, home: Path, edit: dict[str, Any] | None) -> Path:
    if edit is None:
        arm = arm_of_model(folder, arm="base", pair=0, home=home)
    else:
        recipe = ArmSpec(steps=(StepSpec(edit=edit, train=TRAIN),), seeds=(0,))
        arm, history = train_arm(folder, recipe, data, arm="made", pair=0, seed=0, home=home)
        assert len(history) == TRAIN.steps
    home.mkdir(exist_ok=True)
    write_json(home / ARM, arm)
    return home / ARM


@pytest.mark.parametrize("edit", [None, *EDITS], ids=["base", "lora", "loreft"])
def test_an_arm_opens_is_what_lenses_take_it_for_and_is_recorded(
    folder: Path, data: pd.DataFrame, tmp_path: Path, edit: dict[str, Any] | None
) -> None:
    file = make(folder, data, tmp_path / "arm", edit)
    with open_arm(file) as arm:
        ids = encode_prompts(arm.tokenizer, data["prompt"].tolist())
        seen = observe(arm.model, ids, pad_id(arm.tokenizer))
        rows = [each.row for each in arm.edits if hasattr(each, "row")]
        require(judge(seen, read_head(folder), edited=rows), folder.name)
        items = data.assign(answers=[[answer] for answer in data["answer"]], witness="")
        batches = list(record(arm.model, arm.tokenizer, items, RecordsSpec(max_new_tokens=4)))
        said = pd.concat([batch.generations.to_pandas() for batch in batches])
        assert sorted(said["item"]) == sorted(data["item"])
        if edit is not None:
            tensor = torch.tensor([ids[0]])
            with torch.no_grad():
                after = arm.model(tensor).logits
                with arm.detached():
                    before = arm.model(tensor).logits
            assert not torch.allclose(before, after, atol=1e-4)


def test_an_sae_is_trained_on_a_row_and_says_which_module_it_is_of(
    folder: Path, data: pd.DataFrame, tmp_path: Path
) -> None:
    with open_arm(make(folder, data, tmp_path / "arm", None)) as arm:
        lines = [(f"number {n} of", who) for n in range(10) for who in PEOPLE]
        corpus = pd.DataFrame(lines, columns=["document", "answer"])
        corpus = corpus.assign(text=[f"{n}" for n in range(len(lines))], split="fit")
        tables = record_texts(arm.model, arm.tokenizer, corpus, {"fit": 200}, [2])
        write_stream(tables, tmp_path / "sae.parquet")
        block = describe(arm.model).blocks[1]
        kind = arm.model.config.model_type
        assert arm.model.get_submodule(hook_name(kind, 2)) is block
    stream = StreamFile(tmp_path / "sae.parquet")
    spec = SaeTraining(tokens=200, batch=50, dead_after=100)
    trained, history = train_saes(
        lambda number: stream.batches(2, "fit", spec.batch, number),
        [SaeShape(expansion=2, k=4)], spec, row=2, seed=0,
    )  # fmt: skip
    assert history["unexplained"].notna().all()
    made = origin(sorted(folder.iterdir()), trained[0], spec)
    assert made["hook_name"].endswith(".1")


def test_four_bits_change_every_linear_layer_and_no_other_weight(
    folder: Path, data: pd.DataFrame, tmp_path: Path
) -> None:
    file = make(folder, data, tmp_path / "arm", EDITS[0])
    attack_arm(file, Attack(), "nf4", Shown(data, {}), home=tmp_path / "attacked",
               target=tmp_path / "attacked", seed=0)  # fmt: skip
    with open_arm(file) as plain, open_arm(tmp_path / "attacked/nf4" / ARM) as attacked:
        assert plain.merge() == ""
        inside = {
            f"{path}.weight"
            for path, module in plain.model.named_modules()
            if type(module).__name__ in ("Linear", "Conv1D")
            and any(module in set(block.modules()) for block in describe(plain.model).blocks)
        }
        others = dict(attacked.model.named_parameters())
        changed = {
            name for name, weight in plain.model.named_parameters()
            if not torch.equal(weight, others[name])
        }  # fmt: skip
    assert changed == inside
