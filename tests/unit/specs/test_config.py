"""The whole config: faults across sections, and the slices that jobs depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from residue.specs.fields import SpecError, load
from residue.specs.plan import read_config
from residue.specs.world import WorldSpec


def test_the_default_run_has_base_oracle_and_every_seed() -> None:
    plan = read_config({})
    assert plan.runs() == [
        ("base", 0, 0),
        ("oracle", 0, 0),
        *((arm, 0, seed) for arm in ("npo", "defended", "reft_gate") for seed in range(3)),
        ("suppressor", 0, 0),
        ("destroyed", 0, 0),
    ]
    assert read_config({"pairs": 2}).runs()[2:4] == [("base", 1, 0), ("oracle", 1, 0)]


def test_arms_of_the_config_replace_the_default_ones_and_null_drops_an_entry() -> None:
    plan = read_config({"arms": {"mine": {"seeds": [4]}}, "claims": {"keeps": None}})
    assert list(plan.config.arms) == ["mine"]
    assert "keeps" not in plan.config.claims
    assert "forgets" in plan.config.claims


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"arms": {"base": {}}}, r"arms\.base: is the name of an unedited model"),
        ({"arms": {"NPO-2": {}}}, r"arms\.NPO-2: is no name"),
        ({"arms": {"npo": {"seeds": [-1]}}}, r"arms\.npo\.seeds: must not be negative"),
        (
            {"arms": {"npo": {"steps": [{"edit": "lroa"}]}}},
            r"\[0\]\.edit: .*mean 'lora'",
        ),
        ({"pairs": 0}, "pairs: needs at least 1"),
        ({"measures": {"metrics": {"orders": ["exact_anser"]}}}, "estimands"),
        ({"measures": {"metrics": {"riddles": ["exact_answer"]}}}, r"riddles: is no deck"),
        ({"estimands": {"forget": {"where": {"splti": ["x"]}}}}, "no column 'splti'"),
        ({"claims": {"forgets": {"estimand": "nothing"}}}, "'nothing' is not under estimands"),
        ({"claims": {"forgets": {"arms": ["nobody"]}}}, "'nobody' is not an arm"),
        ({"estimands": {"forget": {"statistic": "share_left"}}}, "'share_left', say base or"),
        (
            {
                "estimands": {"left": {"statistic": "share_left", "reference": "base"}},
                "claims": {
                    "gone": {"sentence": "x", "estimand": "left", "kind": "reduced", "margin": 1.0}
                },
            },
            r"claims\.gone\.margin: must lie below 1",
        ),
        ({"adaptive": {"attackers": ["gcg", "gcg"]}}, r"adaptive\.attackers: names 'gcg' twice"),
        ({"adaptive": {"attackers": ["best_of_m"]}}, r"adaptive\.attackers: .*mean 'best_of_n'"),
        ({"adaptive": {"attackers": [{"name": "gcg", "steps": 0}]}}, r"attackers\.steps: must be"),
        ({"adaptive": {"arms": ["nobody"]}}, r"adaptive\.arms: 'nobody' is not an arm"),
        (
            {"arms": {"a": {"steps": [{"forget_languages": ["fr"]}]}}},
            r"arms\.a\.steps\.forget_languages: 'fr' is not spoken here; there are en, hi",
        ),
        (
            {"arms": {"a": {"steps": [{"forget_languages": ["bn"]}, {}]}}},
            r"arms\.a\.steps: must each name their forget_languages",
        ),
        (
            {
                "world": {"request": "language", "requested_languages": ["hi"]},
                "arms": {"a": {"steps": [{"forget_languages": ["bn"]}]}},
            },
            "'bn' is to be kept under request `language`",
        ),
        ({"report": {"sections": ["scorcard"]}}, r"report\.sections: .*did you mean 'scorecard'"),
        ({"model": {"source": "local", "folder": "/nowhere"}}, "holds no config.json"),
        (
            {"world": {"request": "language", "edit_data": {"retain_languages": ["hi"]}}},
            "needs a language that is not requested",
        ),
    ],
)
def test_a_fault_is_found_before_any_job(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_config(data)


def test_a_local_model_is_one_checkpoint(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text("{}")
    model = {"source": "local", "folder": str(tmp_path)}
    assert read_config({"model": model}).unedited() == ("base",)
    with pytest.raises(SpecError, match="one folder is one checkpoint"):
        read_config({"model": model, "pairs": 2})


@pytest.fixture
def packed(tmp_path: Path) -> dict[str, Any]:
    """The default run of a given model in four bits."""
    (tmp_path / "config.json").write_text("{}")
    return {"model": {"source": "local", "folder": str(tmp_path), "load": {"weights": "nf4"}}}


def test_of_a_model_in_four_bits_the_default_asks_what_can_be_done(packed: dict[str, Any]) -> None:
    """Neither rounding anew nor whole new weights, and whoever starts the run is told of both."""
    plan, whole = read_config(packed), read_config({})
    assert set(whole.config.arms) - set(plan.config.arms) == {"destroyed"}
    assert set(whole.config.conditions) - set(plan.config.conditions) == {"nf4"}
    assert plan.config.estimands["attacked_vs_oracle"].conditions == ("relearn_other_60",)
    assert ["'nf4' is left out" in note or "'destroyed'" in note for note in plan.notes] == [
        True
    ] * 2
    assert whole.notes == ()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"conditions": {"int8": {"attack": {"name": "quantise", "kind": "int8"}}}},
         r"conditions\.int8: the attack 'quantise' needs whole weights; leave it out, or set"),
        ({"arms": {"f": {"steps": [{"edit": "full", "objective": "npo"}]}}}, r"arms\.f: the edit"),
        ({"arms": {"f": {"model": "{folder}"}}}, r"arms\.f\.model: a whole edited model needs"),
        ({"arms": {"destroyed": {"steps": [{"edit": "destroy", "objective": None}]}}}, "none is"),
    ],
)  # fmt: skip
def test_what_a_config_names_itself_is_not_left_out_of_it(
    named: dict[str, Any], message: str, packed: dict[str, Any]
) -> None:
    for arm in named.get("arms", {}).values():
        if "model" in arm:
            arm["model"] = packed["model"]["folder"]
    with pytest.raises(SpecError, match=message):
        read_config(packed | named)


@pytest.mark.parametrize("name", ["items_world", "edit_world", "text_world", "tokenizer_world"])
def test_every_slice_is_a_world_of_its_own(name: str) -> None:
    """A job loads its slice as a whole section: what it does not read stands at its default."""
    worlds = (
        {"request": "language", "requested_languages": ["en", "hi"],
         "edit_data": {"retain_languages": ["ur"]}},
        {"languages": ["en", "hi"], "documents": {"language_weights": {"en": 1, "hi": 1}}},
        {"relations": ["continent"], "curriculum": {"first": 3}},
        {"documents": {"mixed_share": 0, "mixed_pairs": []}},
    )  # fmt: skip
    for world in worlds:
        slice_ = getattr(read_config({"world": world}), name)()
        assert isinstance(load(WorldSpec, slice_, "world"), WorldSpec)


def test_speed_is_in_no_slice() -> None:
    slow, fast = read_config({"compute": {"device": "cpu"}}), read_config({})
    for name in ("items_world", "edit_world", "text_world", "tokenizer_world", "page_world"):
        assert getattr(slow, name)() == getattr(fast, name)()
