"""Fit of the lens `bias_only`: the tuned lens's training with nothing but a vector to learn."""

from __future__ import annotations

from functools import partial
from typing import Any

from residue.lens.artefacts import Fitted
from residue.lens.distil import TorchHead, distil
from residue.models.head import Head
from residue.records.stream import StreamFile
from residue.specs.fields import load
from residue.specs.lens import DistilSpec


def fit(stream: StreamFile, head: Head, options: dict[str, Any], seed: int) -> Fitted:
    """A vector per row below n, from 0 on, so that training starts at the logit lens."""
    import torch

    spec = load(DistilSpec, options["distil"], "lens.distil")
    last, teacher = head.shape.n_blocks, TorchHead(head)
    final = stream.read(last, "fit")
    made = Fitted(n=stream.n("fit"))
    for row in (row for row in stream.rows if row != last):
        bias = torch.zeros(head.shape.width, requires_grad=True)
        rows = stream.read(row, "fit")
        norms = distil(partial(torch.add, bias), [bias], rows, final, teacher, spec, seed)
        made.tensors[f"row_{row}.bias"] = bias.detach().numpy()
        made.notes[row] = {"gradient_bias": norms[min(1, len(norms) - 1)][0]}
    return made
