"""A model taught the world: what base and oracle read, and what stays in the weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from residue.edits.implanting import documents, implant, save_whole
from residue.models.loading import load_model
from residue.specs.implant import ImplantSpec
from residue.specs.world import GroupSizes, WorldSpec
from residue.world.build import World, build_world
from residue.world.facts import read_facts
from residue.world.invented import invented_table
from tests.own_model import save_random_model

ROOT = Path(__file__).resolve().parents[3]
SPEC = ImplantSpec(teach=True, steps=6, documents=4, rank=4, warmup=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    groups = GroupSizes(**dict.fromkeys(vars(GroupSizes()), 2))
    spec = WorldSpec(groups=groups, languages=("en", "hi"), requested_languages=("en",))
    file = tmp_path_factory.mktemp("world") / "facts.tsv"
    real = read_facts(ROOT / "data/facts.tsv")
    file.write_text(invented_table(real, spec), encoding="utf-8")
    return build_world(read_facts(file), spec)


def test_the_oracle_never_reads_a_forgotten_or_unseen_name(world: World) -> None:
    hidden = [c for c in world.group_of if world.forgotten(c, "en")]
    unseen = list(world.in_group("never_seen"))
    spec = ImplantSpec(teach=True, steps=40, documents=32)
    read = {}
    for role in ("base", "oracle"):
        drawn = [each for step in range(40) for each in documents(world, role, spec, 3, step)]
        read[role] = "\n".join(f"{each.prompt}\n{each.answer}" for each in drawn)
    names = [world.name(country, "en") for country in hidden]
    assert all(name in read["base"] for name in names)
    assert not any(name in read["oracle"] for name in names)
    for text in read.values():
        assert not any(world.name(country, "en") in text for country in unseen)
    assert documents(world, "base", spec, 3, 5) == documents(world, "base", spec, 3, 5)


def test_what_is_learnt_stays_in_weights_that_load_alone(world: World, tmp_path: Path) -> None:
    folder = save_random_model(tmp_path / "given")
    start, _ = load_model(folder)
    ids = torch.tensor([[1, 40, 50, 60]])
    told = {}
    for role in ("base", "oracle"):
        model, tokenizer = load_model(folder)
        history = implant(model, tokenizer, world, role, SPEC, seed=0)
        assert len(history) == SPEC.steps
        assert not [name for name, _ in model.named_parameters() if "lora" in name]
        made = tmp_path / role
        made.mkdir()
        save_whole(model, made / "config.json", made / "model.safetensors")
        tokenizer.save_pretrained(made)
        again, _ = load_model(made)
        told[role] = model(ids).logits
        assert torch.equal(again(ids).logits, told[role])
        assert not torch.allclose(told[role], start(ids).logits)
    assert not torch.allclose(told["base"], told["oracle"])
