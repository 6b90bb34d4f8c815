"""The history of a pretraining run: where it is, what its steps summed to, what is said of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from residue.models.batches import Batch
from residue.specs.pretrain import PretrainSpec

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


def rate_share(step: int, spec: PretrainSpec) -> float:
    """Share of the learning rates at a step (counted from 0): rise, plateau, linear fall."""
    rise = min(1.0, (step + 1) / spec.warmup) if spec.warmup else 1.0
    plateau = spec.constant * spec.steps
    if step < plateau:
        return rise
    left = (spec.steps - step) / (spec.steps - plateau)
    return min(rise, spec.final + (1.0 - spec.final) * left)


@dataclass
class Place:
    """Where a run is; with the tensors, all that a resumed run needs."""

    step: int = 0
    tokens: int = 0
    documents: int = 0
    pool: int = 0
    pool_step: int = 0
    """Step at which the pool was drawn."""
    offset: int = 0
    """Batches of the pool already used."""
    pool_digest: str = ""
    history: list[dict[str, float | int | None]] = field(default_factory=list)


class Sums:
    """Running sums of one history row."""

    def __init__(self) -> None:
        self.parts = {"answer": [0.0, 0], "prompt": [0.0, 0]}
        self.exact: dict[str, list[int]] = {"fact": [0, 0], "instruction": [0, 0]}
        self.norms: list[float] = []

    def add(self, batch: Batch, logits: Tensor, losses: Tensor, norm: float) -> None:
        count = batch.answers
        for part, values in (("answer", losses[:count]), ("prompt", losses[count:])):
            self.parts[part][0] += float(values.sum())
            self.parts[part][1] += len(values)
        wrong = logits[:count].argmax(dim=1) != batch.targets[:count]
        failed = set(batch.owners[wrong].tolist())
        for index, document in enumerate(batch.documents):
            tally = self.exact.setdefault(document.kind, [0, 0])
            tally[0] += index not in failed
            tally[1] += 1
        self.norms.append(norm)

    def row(self, place: Place, spec: PretrainSpec) -> dict[str, float | int | None]:
        share = rate_share(place.step - 1, spec)
        total, count = (sum(part[index] for part in self.parts.values()) for index in (0, 1))
        row: dict[str, float | int | None] = {
            "step": place.step,
            "tokens": place.tokens,
            "documents": place.documents,
            "loss": total / count,
        }
        row |= {f"loss_{part}": _mean(*sums) for part, sums in self.parts.items()}
        row |= {"matrix_rate": spec.matrix_rate * share, "vector_rate": spec.vector_rate * share}
        row["gradient_norm"] = sum(self.norms) / len(self.norms)
        return row | {f"exact_{kind}": _mean(*tally) for kind, tally in self.exact.items()}


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None


def say(place: Place, spec: PretrainSpec, seconds: float, first: int) -> None:
    """Log the latest row; seconds: CPU time since `first` tokens had been read."""
    row = place.history[-1]
    exact = ", ".join(
        f"{name.removeprefix('exact_')}s {value:.0%}"
        for name, value in row.items()
        if name.startswith("exact_") and value is not None
    )
    logger.info(
        "step %d of %d, loss %.3f, answers right: %s; %.0f tokens per CPU-s, %.0f CPU-s",
        place.step,
        spec.steps,
        row["loss"],
        exact,
        (place.tokens - first) / max(seconds, 1e-9),
        seconds,
    )
