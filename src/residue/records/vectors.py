"""Residual rows at the places that are kept: last and mean of the prompt, tokens of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from residue.models.blocks import Rows
from residue.records.tables import Vectors

if TYPE_CHECKING:
    from torch import Tensor


def prompt_vectors(
    rows: Rows,
    mask: Tensor,
    prompts: Sequence[Sequence[int]],
    places: Sequence[str],
    start: int | None,
) -> list[Vectors]:
    """Vectors at `last` and `mean`, where asked for, of prompts padded on the left.

    rows: (batch, width, d) each; mask: (batch, width). The start token is no part of the mean: it
    is the same everywhere and, in trained models, its norm dwarfs the rest.
    """
    owner = np.arange(len(prompts))
    vectors = []
    if "last" in places:
        vectors.append(Vectors("last", owner, _stacked([row[:, -1] for row in _all(rows)])))
    if "mean" in places:
        counted = [len(ids) - int(len(ids) > 1 and ids[0] == start) for ids in prompts]
        n = torch.tensor(counted, device=mask.device)[:, None]
        width = mask.shape[1]
        inside = (torch.arange(width, device=mask.device) >= width - n)[..., None]
        means = [torch.where(inside, row.float(), 0.0).sum(dim=1) / n for row in _all(rows)]
        vectors.append(Vectors("mean", owner, _stacked(means)))
    return vectors


def answer_vectors(
    rows: Rows, answers: Sequence[Sequence[int]], places: Sequence[str]
) -> list[Vectors]:
    """Vectors at `answer-k`, where asked for, of the items whose answer has a token k.

    rows: (batch, width, d) each, answers (without the end token) padded on the right.
    """
    vectors = []
    for place in places:
        if place.startswith("answer-"):
            k = int(place.removeprefix("answer-"))
            owner = [item for item, answer in enumerate(answers) if len(answer) > k]
            if owner:
                held = _stacked([row[owner, k] for row in _all(rows)])
                vectors.append(Vectors(place, np.array(owner), held))
    return vectors


def _all(rows: Rows) -> list[Tensor]:
    return [rows[row] for row in range(len(rows))]


def _stacked(parts: Sequence[Tensor]) -> np.ndarray:
    return torch.stack(list(parts)).float().cpu().numpy()
