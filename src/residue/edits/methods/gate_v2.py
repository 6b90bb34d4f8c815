"""A guardrail that cannot be diluted: a running sum over tokens, and a clamp in units of the row.

x_t is the cosine of the row at token t, less the mean of all prompts, with the nearest prototype of
a forget fact; κ is the median of x at the ends of retain prompts. The one-sided CUSUM
S_t = max(0, S_{t−1} + x_t − κ) (Page 1954) forgets benign text instead of averaging it in, and
depends on tokens up to t alone. Once S_t > θ the sequence is blocked: from then on
h ← h + Σ_{i∈F} (−c m/√|F| − z_i) w_i with F as in `dsg` and m the median norm of the row, so that c
means the same on every model. θ is the smallest threshold that blocks at most the stated share of
prompts to be kept, those on dev included, which no retain row shows; the share that it blocks, with
its exact binomial interval, is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from residue.edits.gates import FeatureGate, GuardOptions, forget_features
from residue.edits.prototypes import Prototypes, nearest
from residue.edits.sequences import after_start
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

KEPT = ("retain", "dev_retain")
"""Sets whose prompts must pass."""


@dataclass(frozen=True)
class Edit(GuardOptions):
    """A gate that decides token by token, by a running sum."""

    false_block: float = 0.02
    """Share of prompts to be kept that may be blocked; lower spares more and lets more pass."""
    clamp: float = 2.0
    """c: length of the change at a blocked token, in units of the row's median norm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.false_block < 1:
            raise SpecError("false_block", "must be at least 0 and below 1.")
        if self.clamp <= 0:
            raise SpecError("clamp", "must be above 0.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Guard:
        """Features by their scores; prototypes, drift and threshold from the ends of prompts."""
        import torch

        from residue.stats.intervals import clopper_pearson

        sae = data.sae(data.row(self.row))
        features = forget_features(data, sae, self.percentile, self.count)
        found = Prototypes.of(
            data, data.rows("forget", sae.row), data.rows("retain", sae.row), None
        )
        kept = [x for name in KEPT if data.items.get(name) for x in data.prompts(name, sae.row)]
        drift = float(found.nearest(data.rows("retain", sae.row)).median())
        peaks = torch.stack([cusum(found.nearest(x)[None] - drift).amax() for x in kept])
        threshold = float(peaks.sort().values[-1 - int(self.false_block * len(peaks))])
        blocked = clopper_pearson(int((peaks > threshold).sum()), len(peaks))
        size = float(torch.cat(kept).norm(dim=1).median())
        settings = {
            "drift": drift,
            "threshold": threshold,
            "clamp": self.clamp * size / len(features) ** 0.5,
            "false_block": {
                "share": blocked.estimate,
                "low": blocked.low,
                "high": blocked.high,
                "level": blocked.level,
                "prompts": blocked.n,
            },
        }
        tensors = {"features": features, "center": found.center, "prototypes": found.rows}
        return Guard(model, place=place, sae=sae, tensors=tensors, settings=settings)

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Guard:
        """The saved gate."""
        return Guard.open(model, folder, place=place)


class Guard(FeatureGate):
    """An attached gate; it remembers S and whether the sequence is blocked."""

    TENSORS: ClassVar[tuple[str, ...]] = ("features", "center", "prototypes")

    def edited(self, rows: Tensor) -> Tensor:
        """h with the features clamped from the token on at which the sequence was blocked."""
        import torch

        said = self.settings
        z, past = self.code(rows), self.past
        counts = self.real() if past is not None else after_start(self.real())
        near = nearest(rows, self.held.center, self.held.prototypes)
        steps = torch.where(counts, near - said["drift"], 0.0)
        before = rows.new_zeros(len(rows), 2) if past is None else past[:, -1]
        sums = cusum(steps, before[:, 0])
        over = (sums > said["threshold"]).long().cummax(dim=1).values > 0
        blocked = over | (before[:, 1:] > 0)
        self.remember(torch.stack([sums, blocked.to(sums.dtype)], dim=-1))
        change = self.write(-said["clamp"] - z)
        return torch.where((blocked & counts)[..., None], rows + change, rows)


def cusum(steps: Tensor, start: Tensor | None = None) -> Tensor:
    """S_t = max(0, S_{t−1} + step_t) along the last axis, from S_0 = start (0); (batch, position).

    In one go: with C_t = start + Σ steps, S_t = C_t − min(0, min over u ≤ t of C_u).
    """
    sums = steps.cumsum(dim=1) + (0.0 if start is None else start[:, None])
    return sums - sums.cummin(dim=1).values.clamp_max(0.0)
