"""How well the model knows each forget item before the edit; when it is shown, and how it counts.

With ℓ_i the mean −log p per answer token of item i before the edit and r_i its mid-rank among all
forget items, scaled to [−1, 1] (−1: known best),

- curriculum λ: of T updates, update t draws its items without replacement, the first with
  probability ∝ exp(−λ (1 − 2u) r_i), u = t / (T − 1): at first those known best, half-way all
  alike, at last those known least. The items of the largest exponents plus Gumbel noise are such a
  draw (Gumbel-top-k: Kool et al. 2019, arXiv 1903.06059). Curricula: Bengio et al. 2009.
- reweighting κ: item i weighs exp(−κ r_i) over the mean of these, so that answers which sit deepest
  count most, as in the static form of LoReUn (Wang et al. 2025, arXiv 2507.22499).

Ranks, not losses: most of a well-known set lies near 0 nats, and a few items far off would take
all. Both read all forget items, and both can act at once: one chooses, the other weighs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.edits.answers import AT_ONCE, score
from residue.edits.batches import Batches, Views
from residue.edits.looks import evaluating

if TYPE_CHECKING:
    from residue.specs.training import TrainSpec

Floats = NDArray[np.float64]


def losses(model: Any, units: Sequence[Views]) -> Floats:
    """Mean −log p per answer token of each item's first view, nats, dropout off."""
    import torch

    parts = [units[first : first + AT_ONCE] for first in range(0, len(units), AT_ONCE)]
    with evaluating(model), torch.no_grad():
        means = [score(model, [views[0] for views in part]).means for part in parts]
    return -torch.cat(means).double().cpu().numpy()


def ranks(values: Floats) -> Floats:
    """Mid-ranks scaled to [−1, 1]: equal values share the mean of their places; one alone is 0."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2
    scaled: Floats = 2 * middle[place] / max(len(values) - 1, 1) - (len(values) > 1)
    return scaled


def weights(rank: Floats, strength: float) -> Floats:
    """Weight of each item in the forget term, with mean 1."""
    raw = np.exp(-strength * rank)
    scaled: Floats = raw / raw.mean()
    return scaled


def weighted(units: Sequence[Views], weight: Floats) -> list[Views]:
    """The items with their weights, on every view."""
    return [
        tuple(dataclasses.replace(view, weight=float(each)) for view in views)
        for views, each in zip(units, weight, strict=True)
    ]


@dataclass(frozen=True)
class Curriculum:
    """Batches whose forget items are drawn by how well they were known; other roles as they were.

    rank: of the pool's forget items, in their order. Nothing is remembered between calls.
    """

    batches: Batches
    rank: Floats
    strength: float
    steps: int

    def __call__(self, step: int) -> dict[str, list[Views]]:
        """The batch of update `step` (from 0)."""
        return {**self.batches(step), "forget": self._draw(step)}

    def exponents(self, step: int) -> Floats:
        """log of the probability (up to a constant) with which each item is drawn first."""
        done = step / max(self.steps - 1, 1)
        tilted: Floats = -self.strength * (1 - 2 * done) * self.rank
        return tilted

    def _draw(self, step: int) -> list[Views]:
        pool, size = self.batches.pools["forget"], self.batches.sizes["forget"]
        source = np.random.default_rng(derive(self.batches.seed, "curriculum", step))
        order = np.argsort(-(self.exponents(step) + source.gumbel(size=len(pool))))
        return [pool[order[place % len(pool)]] for place in range(size)]


def arranged(model: Any, batches: Batches, train: TrainSpec) -> Batches | Curriculum:
    """The batches as a training run wants its forget items chosen and weighed; `model`: as it is
    before the edit."""
    if not train.curriculum and not train.reweight:
        return batches
    forget = batches.pools["forget"]
    rank = ranks(losses(model, forget))
    if train.reweight:
        heavy = weighted(forget, weights(rank, train.reweight))
        batches = dataclasses.replace(batches, pools={**batches.pools, "forget": heavy})
    if not train.curriculum:
        return batches
    return Curriculum(batches, rank, train.curriculum, train.steps)
