"""Shapes and training of SAEs are checked where they are read."""

from __future__ import annotations

import pytest

from residue.specs.fields import SpecError
from residue.specs.plan import read_config
from residue.specs.sae import SaeShape, SaeSpec


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"shape": {"k": 0}}, r"sae\.shape\.k: must be at least 1"),
        ({"shape": {"architecture": "gated"}}, r"choose one of: topk, jumprelu"),
        ({"shape": {"seed": 1}}, r"sae\.beside: holds an SAE twice"),
        ({"training": {"tokens": 100}}, r"tokens: must be at least one batch of 1024"),
        ({"training": {"warmup": 0.9}}, r"decay: and warmup overlap"),
        ({"training": {"aux": -1}}, r"aux: must not be negative"),
        ({"features": {"percentile": 100}}, r"percentile: must be at least 0 and below 100"),
        ({"features": {"keep": 0}}, r"keep: must be at least 1"),
        ({"features": {"matched": "random"}}, r"'random' is not a choice"),
    ],
)
def test_a_section_that_cannot_be_used_is_refused(section: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        read_config({"sae": section})


def test_twins_differ_in_the_seed_alone() -> None:
    other = SaeShape(k=8)
    spec = SaeSpec(beside=(SaeShape(seed=3), other))
    assert spec.twins == (SaeShape(), SaeShape(seed=3))
    assert [shape.name for shape in spec.shapes] == [
        "topk-x8-k16-seed0", "topk-x8-k16-seed3", "topk-x8-k8-seed0",
    ]  # fmt: skip


def test_saes_are_made_where_asked_for() -> None:
    lora = {"arms": {"npo": {}}}
    assert read_config({}).makes_saes()  # for the guard of an arm
    assert not read_config(lora).makes_saes()
    assert read_config({**lora, "sae": {"always": True}}).makes_saes()


def test_a_job_depends_on_its_part_of_the_section() -> None:
    plan = read_config({})
    assert set(plan.sae_part("training")) == {"shape", "beside", "training"}
    assert set(plan.sae_part()) == {"shape", "beside"}
