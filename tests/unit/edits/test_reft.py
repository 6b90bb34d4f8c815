"""LoReFT and its gated form against their formulas."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest
import torch

from residue.edits.answers import Example, score
from residue.edits.batches import Batches, pools
from residue.edits.methods import gated_reft, loreft
from residue.edits.objectives.npo import Objective
from residue.edits.training import train
from residue.specs.fields import SpecError
from residue.specs.training import TrainSpec
from tests.unit.edits.making import made

ITEMS = [Example("a", (1, 5, 6, 7, 8, 2), 3), Example("b", (1, 9, 10, 2), 2)]
SPEC = TrainSpec(steps=8, warmup=1, learning_rate=2e-2, batch={"forget": 4, "retain": 5})


def trained(edit: Any, model: Any, tokenizer: Any, data: pd.DataFrame) -> pd.DataFrame:
    items = pools(tokenizer, data)
    return train(
        model,
        Batches(items, SPEC.batch, 1),
        Objective(),
        SPEC,
        None,
        reference=edit.detached,
        seed=1,
        penalty=edit.penalty,
    )


@pytest.mark.parametrize("method", [loreft, gated_reft])
def test_starts_as_the_identity(method: Any, loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    with torch.no_grad():
        base = score(model, ITEMS).logits
        method.Edit(row=1).attach(model, seed=1, place=1)
        torch.testing.assert_close(score(model, ITEMS).logits, base)


def test_changes_only_the_row_space_of_an_orthonormal_r_also_after_training(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    model, tokenizer = loaded
    edit = loreft.Edit(row=1, rank=3).attach(model, seed=1, place=1)
    start = edit.rotation.detach().clone()
    history = trained(edit, model, tokenizer, edit_data)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert not torch.allclose(edit.rotation, start, atol=1e-3)
    edit.trainable(False)
    r, w, b = edit.held.R, edit.held.W, edit.held.b
    torch.testing.assert_close(r @ r.T, torch.eye(3), atol=1e-5, rtol=0)
    h = torch.randn(4, 5, 32, generator=torch.Generator().manual_seed(0))
    change = edit.edited(h) - h
    torch.testing.assert_close(
        change @ (torch.eye(32) - r.T @ r), torch.zeros_like(h), atol=1e-5, rtol=0
    )
    by_hand = torch.stack([r.T @ (w @ x + b - r @ x) for x in h.reshape(-1, 32)]).view_as(h)
    torch.testing.assert_close(change, by_hand, atol=1e-5, rtol=1e-4)


def test_the_orthonormal_factor_of_orthonormal_rows_is_itself() -> None:
    q = torch.linalg.qr(torch.randn(9, 4, generator=torch.Generator().manual_seed(2)))[0].T
    torch.testing.assert_close(loreft.orthonormal(q), q, atol=1e-6, rtol=0)
    torch.testing.assert_close(loreft.orthonormal(3 * q), q, atol=1e-6, rtol=0)


def test_dropout_works_on_the_edit_alone_and_in_training_alone(loaded: tuple[Any, Any]) -> None:
    model, _ = loaded
    edit = loreft.Edit(row=1, dropout=0.5).attach(model, seed=1, place=1)
    with torch.no_grad():
        edit.held.b += 1.0
    h = torch.randn(1, 2000, 32, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped = (edit.edited(h) - h).detach()
    edit.trainable(False)
    full = edit.edited(h) - h
    kept = dropped.abs() > 1e-6
    torch.testing.assert_close(dropped[kept], (2 * full)[kept], atol=1e-4, rtol=1e-3)
    assert abs(float(kept.float().mean()) - 0.5) < 0.02


@pytest.mark.parametrize("hidden", [0, 6])
def test_a_gate_multiplies_the_change(hidden: int, loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    edit = made("gated_reft", model, tokenizer, pd.DataFrame(), hidden=hidden)
    assert isinstance(edit, gated_reft.GatedReplacement)
    edit.trainable(False)
    h = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0))
    inner = torch.tanh(h @ edit.held.A.T) if hidden else h
    gate = 1 / (1 + (-(inner @ edit.held.v) - edit.held.c).exp())
    torch.testing.assert_close(edit.edited(h) - h, gate[..., None] * edit.change(h))


def test_the_penalty_closes_the_gate_and_is_the_mean_of_its_value(
    loaded: tuple[Any, Any], edit_data: pd.DataFrame
) -> None:
    """On the logit it would pull the gate towards one half."""
    model, tokenizer = loaded
    edit = gated_reft.Edit(row=1, rank=2, l1=30.0).attach(model, seed=1, place=1)
    gate = trained(edit, model, tokenizer, edit_data)["penalty"] / 30.0
    assert gate.iloc[0] == pytest.approx(0.5, abs=1e-6)  # σ(0) at every token
    assert gate.iloc[-1] < 0.4
    assert gate.is_monotonic_decreasing


def test_pads_do_not_count_in_the_penalty(loaded: tuple[Any, Any]) -> None:
    model, tokenizer = loaded
    edit = made("gated_reft", model, tokenizer, pd.DataFrame(), l1=1.0)
    together, alone = [], []
    score(model, ITEMS, bucket=False)
    together.append(edit.penalty())
    tokens = 0
    for item in ITEMS:
        score(model, [item])
        alone.append(edit.penalty() * len(item.ids))
        tokens += len(item.ids)
    torch.testing.assert_close(together[0], sum(alone) / tokens)
    assert edit.penalty() is None


def test_a_row_must_be_named(loaded: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="names no row"):
        loreft.Edit().attach(loaded[0], seed=1, place=1)
    with pytest.raises(ValueError, match="rank 33 is above the width 32"):
        loreft.Edit(row=1, rank=33).attach(loaded[0], seed=1, place=1)


@pytest.mark.parametrize(
    ("method", "options", "key"),
    [
        (loreft, {"rank": 0}, "rank"),
        (loreft, {"dropout": 1.0}, "dropout"),
        (gated_reft, {"l1": -1.0}, "l1"),
        (gated_reft, {"rank": 0}, "rank"),
    ],
)
def test_impossible_options_name_their_key(method: Any, options: dict[str, Any], key: str) -> None:
    with pytest.raises(SpecError, match=f"^{key}: "):
        dataclasses.replace(method.Edit(), **options)
