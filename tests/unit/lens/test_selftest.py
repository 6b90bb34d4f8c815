"""Every architecture passes the self-test, and every way of being wrong fails it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residue.lens.observation import Observation, observe
from residue.lens.selftest import SelfTestError, as_table, divergence, judge, off, require
from residue.models.blocks import ArchitectureError
from residue.models.head import Head, read_head
from tests.unit.models.conftest import KINDS

PROMPTS = [[1, 5, 9, 30, 2], [1, 44, 7], [1, 8, 50, 13, 21, 3, 17]]


def seen_and_head(models: dict[str, Any], folders: dict[str, Path], kind: str) -> Any:
    return observe(models[kind], PROMPTS, 0), read_head(folders[kind])


def failures(seen: Observation, head: Head, **options: Any) -> set[str]:
    return {line.check for line in judge(seen, head, **options) if line.status == "failed"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_passes(
    models: dict[str, Any], folders: dict[str, Path], kind: str
) -> None:
    seen, head = seen_and_head(models, folders, kind)
    checks = judge(seen, head)
    require(checks, kind)
    table = as_table(checks)
    assert set(table["status"]) == {"ok"}
    n = head.shape.n_blocks
    assert table.groupby("check").size().to_dict() == {
        "shape": 1, "finite": 1, "embedding": 1, "norm": n + 1, "residual": n, "row": n,
        "head": 1, "head_kl": 1, "again": 1, "again_top10": 1,
    }  # fmt: skip
    assert seen.rows.shape[1] == sum(map(len, PROMPTS))


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_passes_with_its_own_tolerance(
    models: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    rounded = deepcopy(models[kind]).to(torch.bfloat16)
    rounded.save_pretrained(tmp_path)
    seen, head = observe(rounded, PROMPTS, 0), read_head(tmp_path)
    checks = judge(seen, head)
    require(checks, kind)
    assert {line.tolerance for line in checks if line.check == "norm"} == {3e-2}


BROKEN_SHAPES = [
    ("gemma2", {"softcap": None}, {"head", "head_kl"}),
    ("gemma2", {"norm": "rms"}, {"norm", "head", "head_kl"}),
    ("gemma2", {"embedding_scale": 1.0}, {"embedding"}),
    ("llama", {"norm_eps": 1e-2}, {"norm", "head"}),
    ("llama", {"norm": "rms-plus-one"}, {"norm", "head", "head_kl"}),
    ("gpt2", {"norm": "rms"}, {"norm", "head", "head_kl"}),
    ("gpt_neox", {"norm": "rms"}, {"norm", "head", "head_kl"}),
    ("qwen2", {"softcap": 30.0}, {"head", "head_kl"}),
    ("llama", {"vocabulary": 61}, {"shape"}),
    ("llama", {"model_type": "qwen2"}, {"shape"}),
]


@pytest.mark.parametrize(("kind", "change", "found"), BROKEN_SHAPES)
def test_a_wrong_shape_fails(
    models: dict[str, Any], folders: dict[str, Path], kind: str, change: Any, found: set[str]
) -> None:
    seen, head = seen_and_head(models, folders, kind)
    assert failures(seen, replace(head, shape=replace(head.shape, **change))) >= found


@pytest.mark.parametrize(
    ("kind", "tensor", "found"),
    [
        ("gpt2", "final_norm.bias", {"norm", "head"}),
        ("gpt2", "norm_1.bias", {"norm"}),
        ("gpt_neox", "norm_0.bias", {"norm"}),
    ],
)
def test_a_dropped_bias_fails(
    models: dict[str, Any], folders: dict[str, Path], kind: str, tensor: str, found: set[str]
) -> None:
    seen, head = seen_and_head(models, folders, kind)
    less = {name: value for name, value in head.tensors.items() if name != tensor}
    assert failures(seen, replace(head, tensors=less)) >= found


def test_a_dropped_bias_of_the_unembedding_fails(models: dict[str, Any], tmp_path: Path) -> None:
    model = deepcopy(models["llama"])
    model.lm_head.bias = torch.nn.Parameter(torch.linspace(-1, 1, model.config.vocab_size))
    model.save_pretrained(tmp_path)
    seen, head = observe(model, PROMPTS, 0), read_head(tmp_path)
    assert not failures(seen, head)
    del head.tensors["unembedding.bias"]
    assert failures(seen, head) == {"head", "head_kl"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_last_row_that_was_normalised_fails(
    models: dict[str, Any], folders: dict[str, Path], kind: str
) -> None:
    """What `output_hidden_states` ends with is behind the final norm."""
    seen, head = seen_and_head(models, folders, kind)
    rows = np.concatenate([seen.rows[:-1], seen.normed[-1:]])
    assert failures(replace(seen, rows=rows), head) >= {"row", "norm", "head"}


def test_a_norm_of_unit_gain_hides_a_normalised_row_from_the_head_but_not_from_the_row(
    models: dict[str, Any], tmp_path: Path
) -> None:
    model = deepcopy(models["llama"])
    with torch.no_grad():
        model.model.norm.weight.fill_(1.0)
    model.save_pretrained(tmp_path)
    seen, head = observe(model, PROMPTS, 0), read_head(tmp_path)
    rows = np.concatenate([seen.rows[:-1], seen.normed[-1:]])
    assert failures(replace(seen, rows=rows), head) == {"row"}


def test_a_sublayer_that_is_left_out_fails(
    models: dict[str, Any], folders: dict[str, Path]
) -> None:
    seen, head = seen_and_head(models, folders, "gpt_neox")
    assert failures(replace(seen, added=seen.added * 0.999), head) == {"residual"}


def test_a_second_pass_must_repeat_every_bit(
    models: dict[str, Any], folders: dict[str, Path]
) -> None:
    seen, head = seen_and_head(models, folders, "llama")
    again = seen.again.copy()
    again[0, 0] = np.nextafter(again[0, 0], np.float32(np.inf))
    assert failures(replace(seen, again=again), head) == {"again"}
    assert not failures(replace(seen, again=again, device="cuda"), head)
    swapped = seen.again[:, ::-1]
    assert failures(replace(seen, again=swapped, device="cuda"), head) == {"again", "again_top10"}


def test_the_second_pass_is_a_second_call(models: dict[str, Any]) -> None:
    """A model that draws at random shows it: nothing is decoded twice from one pass."""
    model = deepcopy(models["llama"])
    noise = torch.Generator().manual_seed(0)
    model.model.layers[0].mlp.register_forward_hook(
        lambda _, __, output: output + torch.randn(output.shape, generator=noise)
    )
    seen = observe(model, PROMPTS, 0)
    assert not np.array_equal(seen.logits, seen.again)


def test_numbers_that_are_not_finite_fail(models: dict[str, Any], folders: dict[str, Path]) -> None:
    seen, head = seen_and_head(models, folders, "llama")
    rows = seen.rows.copy()
    rows[-1, 0, 0] = np.nan
    assert failures(replace(seen, rows=rows), head) >= {"finite", "norm", "row", "head"}


def test_a_row_that_an_edit_replaces_is_skipped_and_says_so(
    models: dict[str, Any], folders: dict[str, Path]
) -> None:
    model = deepcopy(models["llama"])
    model.model.layers[2].register_forward_pre_hook(lambda _, args: (args[0] + 1, *args[1:]))
    seen, head = observe(model, PROMPTS, 0), read_head(folders["llama"])
    assert failures(seen, head) == {"row"}
    checks = judge(seen, head, edited=[2])
    assert [(line.check, line.row) for line in checks if line.status == "skipped"] == [("row", 2)]
    require(checks, "guarded")


def test_a_failure_stops_with_check_row_and_mend(
    models: dict[str, Any], folders: dict[str, Path]
) -> None:
    seen, head = seen_and_head(models, folders, "gemma2")
    checks = judge(seen, replace(head, shape=replace(head.shape, softcap=None)))
    with pytest.raises(SelfTestError, match=r"npo: the self-test 'head' at row 3 .*layouts.py"):
        require(checks, "npo")


def test_a_dtype_without_a_tolerance_is_refused(
    models: dict[str, Any], folders: dict[str, Path]
) -> None:
    seen, head = seen_and_head(models, folders, "llama")
    with pytest.raises(SelfTestError, match="float64"):
        judge(replace(seen, dtype="float64"), head)


def test_an_unknown_architecture_and_training_mode_are_refused(models: dict[str, Any]) -> None:
    model = deepcopy(models["llama"])
    model.config.model_type = "opus"
    with pytest.raises(ArchitectureError, match="opus"):
        observe(model, PROMPTS, 0)
    model.train()
    with pytest.raises(ValueError, match="training mode"):
        observe(model, PROMPTS, 0)


def test_hooks_are_gone_afterwards(models: dict[str, Any]) -> None:
    observe(models["gemma2"], PROMPTS, 0)
    for module in models["gemma2"].modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_divergence_of_known_laws() -> None:
    uniform, sure = np.zeros((1, 4), np.float32), np.array([[1000.0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(divergence(uniform, sure), 2.0)  # log2 4
    np.testing.assert_allclose(divergence(sure, uniform), 0.75 * 1000 / np.log(2) - 2, rtol=1e-6)
    assert divergence(sure, sure + 5) == 0
    assert off(np.array([2.0]), np.array([4.0])) == 0.5
