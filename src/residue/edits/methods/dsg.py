"""The dynamic SAE guardrail as published: a sequence with many forget tokens is clamped.

Muhamed et al. 2025, arXiv 2504.08192. A token is active if any chosen feature fires on it; ρ is
the share of active tokens of the prompt, its first token left out. Where ρ > τ, the 95th percentile
of ρ on retain prompts, every chosen feature is set to −c at active tokens:
h ← h + Σ_{i∈F} (−c − z_i) w_i, so that what the SAE does not explain is added back. What was
decided on the prompt holds for the answer. Known faults, kept on purpose: a share can be diluted by
benign text, and c is an absolute number that means little to a model of another norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residue.edits.gates import FeatureGate, GuardOptions, codes, forget_features
from residue.edits.sequences import after_start
from residue.specs.fields import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from residue.edits.fitting import FitData


@dataclass(frozen=True)
class Edit(GuardOptions):
    """A gate that decides once per sequence, by the share of active tokens."""

    quantile: float = 0.95
    """τ is this quantile of ρ on retain prompts; higher blocks less of both kinds."""
    clamp: float = 500.0
    """c, in units of the code; the paper's value for a model whose rows have a norm near 90."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.quantile < 1:
            raise SpecError("quantile", "must lie between 0 and 1.")

    def fit(self, model: Any, tokenizer: Any, data: FitData, *, seed: int, place: int) -> Guard:
        """Features by their scores, τ from retain prompts."""
        import torch

        sae = data.sae(data.row(self.row))
        features = forget_features(data, sae, self.percentile, self.count)
        shares = [
            (z[:, features] > 0).any(dim=1).float().mean() for z in codes(data, sae, "retain")
        ]
        threshold = float(torch.stack(shares).quantile(self.quantile))
        settings = {"threshold": threshold, "clamp": self.clamp}
        return Guard(model, place=place, sae=sae, tensors={"features": features}, settings=settings)

    @staticmethod
    def load(model: Any, folder: Path, *, place: int) -> Guard:
        """The saved gate."""
        return Guard.open(model, folder, place=place)


class Guard(FeatureGate):
    """An attached guardrail."""

    def edited(self, rows: Tensor) -> Tensor:
        """h with the features clamped at active tokens of the sequences that are blocked."""
        import torch

        z = self.code(rows)
        active = (z > 0).any(dim=-1)
        blocked = self._blocked(active)
        change = self.write(-self.settings["clamp"] - z)
        return torch.where((active & blocked[:, None])[..., None], rows + change, rows)

    def _blocked(self, active: Tensor) -> Tensor:
        """Whether each sequence is blocked, (batch,): as was decided on the prompt."""
        past = self.past
        if past is None:
            counts = after_start(self.real())
            share = (active & counts).sum(dim=1) / counts.sum(dim=1).clamp_min(1)
            decided = (share > self.settings["threshold"]).float()
        else:
            decided = past[:, -1, 0]
        self.remember(decided[:, None, None].expand(-1, active.shape[1], 1))
        blocked: Tensor = decided > 0
        return blocked
