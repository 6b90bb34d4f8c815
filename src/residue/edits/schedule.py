"""A static SAE gate whose share left out follows a running sum of votes of the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from residue.edits.gates import FeatureGate

if TYPE_CHECKING:
    from torch import Tensor

SMOOTHING = 0.5
"""Added to every count of a token, so that one seen on one side alone has a finite vote."""
LARGEST = 3.0
"""Largest vote of one token, nats: no single token decides."""

LEAST = 1e-4
"""Votes above this count as more than 0; rounding of sums stays far below it."""


class ScheduledGate(FeatureGate):
    """h ← h − α_t Σ_{i∈F} z_i w_i, with α_t = α + spread where the votes of the last `window`
    tokens of the sequence sum to more than 0, else α − spread; kept between 0 and 1."""

    TENSORS: ClassVar[tuple[str, ...]] = ("features", "votes")

    def edited(self, rows: Tensor) -> Tensor:
        """h less what the features say, by the share that each token has."""
        share = self.shares(rows)[..., None]
        less: Tensor = rows - share * self.write(self.code(rows))
        return less

    def shares(self, rows: Tensor) -> Tensor:
        """α_t of the tokens of the present call, (batch, position)."""
        import torch

        held = self.held
        votes = torch.where(self.real(), held.votes[self.ids], 0.0)
        past = self.past
        everything = votes if past is None else torch.cat([past[..., 0], votes], dim=1)
        self.remember(votes[..., None])
        sums = everything.cumsum(dim=1)
        sums[:, self.settings["window"] :] -= sums[:, : -self.settings["window"]].clone()
        risky = sums[:, -votes.shape[1] :] > LEAST
        spread = torch.where(risky, self.settings["spread"], -self.settings["spread"])
        shares: Tensor = (self.settings["alpha"] + spread).clamp(0.0, 1.0)
        return shares


def votes(first: list[int], second: list[int], vocabulary: int) -> Tensor:
    """log P(token | first) − log P(token | second) from counts of ids, (vocabulary,), nats.

    Smoothed, cut at `LARGEST`; a token seen on neither side has no vote.
    """
    import torch

    counts = [
        torch.bincount(torch.tensor(ids, dtype=torch.int64), minlength=vocabulary).float()
        for ids in (first, second)
    ]
    shares = [(n + SMOOTHING) / (n.sum() + SMOOTHING * vocabulary) for n in counts]
    found = (shares[0] / shares[1]).log().clamp(-LARGEST, LARGEST)
    return torch.where(counts[0] + counts[1] > 0, found, 0.0)
