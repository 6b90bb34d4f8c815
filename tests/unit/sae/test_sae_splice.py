"""What a reconstruction costs the model, and the pull of a text on a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from residue.models.blocks import row_hooks
from residue.models.encoding import pad_batch
from residue.models.loading import load_model
from residue.sae.splice import pulls, spliced, spliced_scores
from tests.unit.edits.conftest import base_folder  # noqa: F401  (a saved two-layer Llama)

TEXTS = [[1, 5, 9, 12, 7], [1, 8, 8, 20], [1, 11, 6, 14, 9, 22, 5], [1, 4]]


@pytest.fixture(scope="module")
def model(base_folder: Path) -> Any:  # noqa: F811
    return load_model(base_folder)[0]


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_perfect_reconstruction_keeps_everything_and_zeros_nothing(model: Any, row: int) -> None:
    made, n = spliced_scores(
        model, TEXTS, row, {"same": lambda h: h, "none": torch.zeros_like}, fill=0
    )
    assert n == sum(len(text) - 2 for text in TEXTS)
    assert made["same"]["ce_score"] == pytest.approx(1, abs=1e-6)
    assert made["same"]["kl_score"] == pytest.approx(1, abs=1e-6)
    assert made["same"]["kl_sae"] == pytest.approx(0, abs=1e-6)
    assert made["none"]["ce_score"] == pytest.approx(0, abs=1e-6)
    assert made["none"]["kl_score"] == pytest.approx(0, abs=1e-6)


def test_cross_entropies_are_those_of_each_text_alone(model: Any) -> None:
    made, n = spliced_scores(model, TEXTS, 1, {"half": lambda h: h / 2}, fill=0)
    clean = kl = spliced_ce = 0.0
    with torch.no_grad():
        for text in TEXTS:
            ids = torch.tensor([text])
            law = model(input_ids=ids).logits[0].log_softmax(-1)
            with spliced(model, 1, lambda h: h / 2):
                other = model(input_ids=ids).logits[0].log_softmax(-1)
            for t in range(1, len(text) - 1):
                clean -= float(law[t, text[t + 1]])
                spliced_ce -= float(other[t, text[t + 1]])
                kl += float((law[t].exp() * (law[t] - other[t])).sum())
    assert made["half"]["ce_clean"] == pytest.approx(clean / n, rel=1e-5)
    assert made["half"]["ce_sae"] == pytest.approx(spliced_ce / n, rel=1e-5)
    assert made["half"]["kl_sae"] == pytest.approx(kl / n, rel=1e-4)


def test_the_first_position_is_left_alone_and_the_hook_goes_away(model: Any) -> None:
    ids = torch.tensor([TEXTS[0]])
    with torch.no_grad(), row_hooks(model) as rows:
        before = model(input_ids=ids).logits
        clean = rows[1].clone()
        with spliced(model, 1, torch.zeros_like):
            model(input_ids=ids)
        after = model(input_ids=ids).logits
    assert clean[0, 0].any()
    assert torch.equal(before, after)
    with torch.no_grad(), spliced(model, 1, torch.zeros_like), row_hooks(model) as rows:
        model(input_ids=ids)
        assert torch.equal(rows[1][0, 0], clean[0, 0])
        assert not rows[1][0, 1:].any()


def log_p(model: Any, row: int, text: list[int], push: torch.Tensor) -> float:
    """log p(text) after its first two tokens, with a row pushed."""
    with torch.no_grad(), spliced(model, row, lambda h: h + push):
        law = model(input_ids=torch.tensor([text])).logits[0].log_softmax(-1)
    return float(sum(law[t, text[t + 1]] for t in range(1, len(text) - 1)))


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_pull_is_the_slope_of_the_log_probability(model: Any, row: int) -> None:
    """Against a finite difference along a random direction, padding and batch aside."""
    double = model.double()
    found = {number: (h, pull) for number, h, pull in pulls(double, TEXTS[:3], row, fill=0)}
    assert sorted(found) == [0, 1, 2]
    g = torch.Generator().manual_seed(0)
    for number, text in enumerate(TEXTS[:3]):
        h, pull = found[number]
        assert h.shape == pull.shape == (len(text) - 1, 32)
        direction = torch.randn(1, len(text), 32, generator=g, dtype=torch.float64)

        up, down = (log_p(double, row, text, size * direction) for size in (1e-3, -1e-3))
        slope = (up - down) / 2e-3
        along = float((torch.from_numpy(pull) * direction[0, 1:]).sum())
        assert along == pytest.approx(slope, rel=5e-3, abs=1e-3)
    model.float()


def test_texts_too_short_to_predict_anything_are_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="no held-out text has two tokens"):
        spliced_scores(model, [[1, 4]], 1, {"same": lambda h: h}, fill=0)


def test_pulls_keep_the_weights_without_gradients(model: Any) -> None:
    list(pulls(model, TEXTS[:1], 1, fill=0))
    assert all(weight.grad is None for weight in model.parameters())
    assert pad_batch(TEXTS, 0).lengths == (5, 4, 7, 2)
    assert np.isfinite(next(iter(pulls(model, TEXTS, 2, fill=0)))[2]).all()
