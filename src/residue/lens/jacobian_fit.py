"""The mean Jacobian of the final row with respect to each row, exact in every direction.

    J_l = mean over texts of  d x_n(t) / d x_l(t),  t drawn from the text's positions

or, with `targets: later`, the mean over all t of the sum over t' >= t of d x_n(t') / d x_l(t), as
Gurnee et al. (2026) publish it: attention lets a position act on later ones. For an output
direction i one backward pass from the vector that is e_i at every target gives line i of all J_l at
once, so a batch costs `width` passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.lens.artefacts import Fitted, spectrum_notes
from residue.models.blocks import describe
from residue.models.encoding import pad_batch, pad_id
from residue.records.texts import Text, encoded
from residue.specs.lens import JacobianSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

BATCH_TOKENS = 2048
"""Padded places of a batch; speed alone."""


def mean_jacobians(
    model: Any, tokenizer: Any, corpus: pd.DataFrame, spec: JacobianSpec, seed: int
) -> Fitted:
    """Matrices of every row below n, the mean over `n` source positions.

    corpus: its first texts of split `fit` are read; the start token is neither source nor target.
    """
    import torch

    architecture = describe(model)
    width, last = architecture.width, architecture.n_blocks
    context = getattr(model.config, "max_position_embeddings", None)
    fit = corpus[corpus["split"] == "fit"]
    texts = sorted(
        islice(encoded(tokenizer, fit, context), spec.texts), key=lambda text: -len(text.ids)
    )
    rng = np.random.default_rng(seed)
    sums = torch.zeros(last, width, width, dtype=torch.float64)
    n = 0
    while texts:
        count = max(1, BATCH_TOKENS // len(texts[0].ids))
        batch, texts = texts[:count], texts[count:]
        chosen = _positions(batch, spec, rng).to(model.device)
        with torch.enable_grad(), _live_rows(model) as rows:
            padded = pad_batch(
                [text.ids for text in batch], pad_id(tokenizer), device=str(model.device)
            )
            model.base_model(**padded.inputs(), use_cache=False)
            sums += _effects(rows, chosen, width).cpu()
        n += int(chosen.sum())
    made = Fitted(n=n)
    for row in range(last):
        matrix = (sums[row] / n).float().numpy()
        made.tensors[f"row_{row}.matrix"] = matrix
        made.notes[row] = spectrum_notes(matrix - np.eye(width))
    return made


def _positions(batch: Sequence[Text], spec: JacobianSpec, rng: np.random.Generator) -> Tensor:
    """(text, position) bool: the sources, which are the targets too."""
    import torch

    chosen = torch.zeros(len(batch), len(batch[0].ids), dtype=torch.bool)
    for line, text in enumerate(batch):
        places = slice(text.first, len(text.ids))
        if spec.targets == "same":
            at = int(rng.integers(text.first, len(text.ids)))
            places = slice(at, at + 1)
        chosen[line, places] = True
    return chosen


def _effects(rows: Sequence[Tensor], chosen: Tensor, width: int) -> Tensor:
    """(row, output, input): summed effects of chosen positions on chosen positions."""
    import torch

    *sources, final = rows
    found = torch.empty(len(sources), width, width, dtype=torch.float64)
    for direction in range(width):
        pull = torch.zeros_like(final)
        pull[..., direction] = chosen.to(final.dtype)
        effects = torch.autograd.grad(final, sources, pull, retain_graph=True)
        for row, effect in enumerate(effects):
            found[row, direction] = effect[chosen].double().sum(dim=0)
    return found


@contextmanager
def _live_rows(model: Any) -> Iterator[list[Tensor]]:
    """Rows 0 ... n of one forward pass, with their graph; weights need no gradient meanwhile."""
    architecture = describe(model)
    rows: list[Tensor] = []

    def keep(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = args[0] if args else kwargs["hidden_states"]
        if not rows:  # the embeddings begin the graph
            value = value.detach().requires_grad_()
        rows.append(value)
        if args:
            return (value, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": value}

    wanted = {each: each.requires_grad for each in model.parameters()}
    model.requires_grad_(False)
    handles = [
        module.register_forward_pre_hook(keep, with_kwargs=True)
        for module in (*architecture.blocks, architecture.final_norm)
    ]
    try:
        yield rows
    finally:
        for handle in handles:
            handle.remove()
        for each, flag in wanted.items():
            each.requires_grad_(flag)
