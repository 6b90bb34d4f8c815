"""Fit of the lens `tuned`: a full affine map per row, trained to the model's own law.

Belrose et al. (2023), with Adam and float32 throughout. The map is x + A x + b with A = 0 and
b = 0 at the start: that is the logit lens, and unlike a product of two zero factors (whose
gradients are both 0 for ever) the gradient of A is not 0 there. The report gives its norm, and the
singular values of A at the end, so that a map that did not learn is seen.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from residue.lens.artefacts import Fitted, spectrum_notes
from residue.lens.distil import TorchHead, distil
from residue.models.head import Head
from residue.records.stream import StreamFile
from residue.specs.fields import load
from residue.specs.lens import DistilSpec

if TYPE_CHECKING:
    from torch import Tensor


def fit(stream: StreamFile, head: Head, options: dict[str, Any], seed: int) -> Fitted:
    """A matrix and a vector per row below n."""
    import torch

    spec = load(DistilSpec, options["distil"], "lens.distil")
    last, width, teacher = head.shape.n_blocks, head.shape.width, TorchHead(head)
    final = stream.read(last, "fit")
    made = Fitted(n=stream.n("fit"))
    for row in (row for row in stream.rows if row != last):
        matrix = torch.zeros(width, width, requires_grad=True)
        bias = torch.zeros(width, requires_grad=True)
        norms = distil(
            partial(_translated, matrix, bias),
            [matrix, bias], stream.read(row, "fit"), final, teacher, spec, seed,
        )  # fmt: skip
        made.tensors[f"row_{row}.matrix"] = matrix.detach().numpy()
        made.tensors[f"row_{row}.bias"] = bias.detach().numpy()
        after_first = norms[min(1, len(norms) - 1)]
        made.notes[row] = {
            "gradient_matrix": after_first[0],
            "gradient_bias": after_first[1],
            **spectrum_notes(made.tensors[f"row_{row}.matrix"]),
        }
    return made


def _translated(matrix: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
    return rows + rows @ matrix.T + bias
