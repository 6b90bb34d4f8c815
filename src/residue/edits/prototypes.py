"""Prototypes of forget facts: by which a liar recognises what it must not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData

FACT = ["country", "relation", "language", "answer"]
"""Columns of the edit data that name a fact; its wordings share a prototype."""
LEAST, MOST = 0.05, 0.95
"""The threshold lies between what all but 5 % of forget prompts and at most 5 % of retain prompts
reach."""


@dataclass(frozen=True)
class Prototypes:
    """Unit vectors, one per forget fact, to be compared with a vector less the common mean."""

    center: Tensor
    """(width,) mean of all prompts."""
    rows: Tensor
    """(facts, width), unit length."""
    threshold: float
    """Cosine above which a vector counts as asking the nearest fact."""
    first: tuple[int, ...]
    """Place of one forget item of each fact, in the order of `FitData.examples`."""

    @classmethod
    def of(
        cls, data: FitData, forget: Tensor, retain: Tensor, threshold: float | None
    ) -> Prototypes:
        """From vectors of the forget and retain prompts; threshold: None chooses one."""
        import torch
        from torch.nn.functional import normalize

        center = torch.cat([forget, retain]).mean(dim=0)
        frame = data.frame[data.frame["set"] == "forget"].reset_index(drop=True)
        facts = [list(places) for places in frame.groupby(FACT, sort=True).indices.values()]
        rows = normalize(torch.stack([forget[fact].mean(dim=0) for fact in facts]) - center, dim=1)
        near = [nearest(x, center, rows) for x in (forget, retain)]
        middle = (near[0].quantile(LEAST) + near[1].quantile(MOST)) / 2
        chosen = float(middle) if threshold is None else threshold
        return cls(center, rows, chosen, tuple(int(fact[0]) for fact in facts))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Cosine of vectors (…, width) with their nearest prototype, (…)."""
        return nearest(vectors, self.center, self.rows)


def nearest(vectors: Tensor, center: Tensor, prototypes: Tensor) -> Tensor:
    """Cosine of vectors (…, width), less the center, with their nearest prototype, (…)."""
    from torch.nn.functional import normalize

    cosines: Tensor = normalize(vectors - center, dim=-1) @ prototypes.T
    return cosines.amax(dim=-1)
