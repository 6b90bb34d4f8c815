"""Inner rows read as answers through the base's tuned lens, with gradient and nothing trained.

With h_l,t row l where answer token t is said, and A_l, b_l the translator that `lens/fits/tuned.py`
fitted on the base,

    S_l(y) = Σ_t log softmax(head(h_l,t + A_l h_l,t + b_l))[y_t]

the head being the model's own, as in every lens table. At row n it is the answer's log-probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.core.provenance import file_digest
from residue.edits.answers import Scores
from residue.models.blocks import describe

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.step import Step


class LensError(ValueError):
    """A lens file that does not fit the model; names the file and the mend."""


@dataclass(frozen=True)
class Lens:
    """Translators by row: A (width, width) and b (width,), frozen; row n has none."""

    translators: Mapping[int, tuple[Tensor, Tensor]] = field(repr=False)
    digest: str
    """Of the file; a state of training belongs to one lens."""

    def read(self, model: Any, said: Scores, rows: tuple[int, ...]) -> list[Scores]:
        """What each row says of the same answers; said: scored with these rows watched."""
        return [
            Scores(self._logits(model, states, row), said.targets, said.rows, said.n)
            for row, states in zip(rows, said.watched.unbind(dim=1), strict=True)
        ]

    def _logits(self, model: Any, states: Tensor, row: int) -> Tensor:
        import torch

        architecture = describe(model)
        if row != architecture.n_blocks:
            matrix, bias = (each.to(states) for each in self.translators[row])
            states = states + states @ matrix.T + bias
        weight = architecture.unembedding.weight
        # `forward`, not a call: hooks of edits at the last row or on the logits act on the model's
        # own answer, and are no part of what a row holds.
        normed = architecture.final_norm.forward(states.to(weight.dtype))
        logits: Tensor = architecture.unembedding.forward(normed.to(weight.dtype))
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        cap = architecture.softcap
        return logits if cap is None else cap * (logits / cap).tanh()


@dataclass(frozen=True)
class Given:
    """An objective that reads rows through a lens, with the lens; for training the same as it."""

    objective: Any
    lens: Lens

    @property
    def ROLES(self) -> tuple[str, ...]:  # noqa: N802
        """Those of the objective."""
        roles: tuple[str, ...] = self.objective.ROLES
        return roles

    def loss(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective's, of a step that holds the lens."""
        step.lens = self.lens
        loss: tuple[Tensor, dict[str, Tensor]] = self.objective.loss(step)
        return loss


def read_lens(file: Path, model: Any) -> Lens:
    """The translators of a fitted lens, where the model is; `LensError` if they do not fit it."""
    from safetensors.torch import load_file

    architecture = describe(model)
    device = str(next(model.parameters()).device)
    stored = load_file(file, device=device)
    made = {}
    for row in range(architecture.n_blocks):
        parts = [stored.get(f"row_{row}.{part}") for part in ("matrix", "bias")]
        width = architecture.width
        if [None if part is None else tuple(part.shape) for part in parts] != [
            (width, width),
            (width,),
        ]:
            raise LensError(
                f"{file} holds no translator of row {row} for a model of {architecture.n_blocks} "
                f"blocks and width {width}; fit the lens on the base of this arm"
            )
        made[row] = (parts[0], parts[1])
    return Lens(made, file_digest(file))  # type: ignore[arg-type]
