"""Training of a translator before the head: the student's law learns the model's own.

    minimise  E KL(F || softmax(head(t(x_l)))) + penalty |theta|^2

on tokens of the fit split, float32, Adam with a linearly falling rate, batches drawn by a seeded
generator. The head is the model's own, frozen, with its norm, bias and cap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from residue.models.head import Array, Head

if TYPE_CHECKING:
    from torch import Tensor

    from residue.specs.lens import DistilSpec

Translate = Callable[["Tensor"], "Tensor"]


class TorchHead:
    """The head of `models.head.Head` in torch, for gradients."""

    def __init__(self, head: Head) -> None:
        import torch

        self._shape = head.shape
        self._tensors = {
            name: torch.from_numpy(value)
            for name, value in head.tensors.items()
            if name.startswith(("final_norm", "unembedding"))
        }

    def logits(self, rows: Tensor) -> Tensor:
        """Logits of pre-norm rows (n, width) -> (n, vocabulary)."""
        shape, tensors = self._shape, self._tensors
        if shape.norm == "layer":
            rows = rows - rows.mean(dim=-1, keepdim=True)
        scale = (rows.square().mean(dim=-1, keepdim=True) + shape.norm_eps).rsqrt()
        gain = tensors["final_norm.weight"] + float(shape.norm == "rms-plus-one")
        states = rows * scale * gain
        if "final_norm.bias" in tensors:
            states = states + tensors["final_norm.bias"]
        logits = states @ tensors["unembedding.weight"].T
        if "unembedding.bias" in tensors:
            logits = logits + tensors["unembedding.bias"]
        cap = shape.softcap
        return logits if cap is None else cap * (logits / cap).tanh()


def distil(
    translate: Translate,
    parameters: Sequence[Tensor],
    rows: Array,
    final: Array,
    head: TorchHead,
    spec: DistilSpec,
    seed: int,
) -> list[list[float]]:
    """Train `parameters` in place; returns each one's gradient norm at every step.

    rows, final: (n, width), a row and the final row of the same tokens. Raises `ValueError` where
    the loss is not finite.
    """
    import torch
    from torch.nn.functional import kl_div, log_softmax

    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.from_numpy(rows), torch.from_numpy(final)
    optimiser = torch.optim.Adam(parameters, lr=spec.rate, betas=(0.9, 0.98))
    norms: list[list[float]] = []
    for step in range(spec.steps):
        chosen = torch.randint(len(rows), (spec.batch,), generator=generator)
        with torch.no_grad():
            law = log_softmax(head.logits(teacher[chosen]), dim=-1)
        said = log_softmax(head.logits(translate(student[chosen])), dim=-1)
        loss = kl_div(said, law, reduction="batchmean", log_target=True)
        total = loss + spec.penalty * sum(each.square().sum() for each in parameters)
        if not bool(torch.isfinite(total)):
            raise ValueError(f"the loss at step {step} is not finite; lower lens.distil.rate")
        optimiser.zero_grad()
        total.backward()
        norms.append([float(each.grad.norm()) for each in parameters if each.grad is not None])
        for group in optimiser.param_groups:
            group["lr"] = spec.rate * (1.0 - step / spec.steps)
        optimiser.step()
    return norms
