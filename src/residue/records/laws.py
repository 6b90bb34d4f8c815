"""What a next-token law says about the token that came, and about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

POSITIONS_AT_ONCE = 256
"""Positions whose laws are worked on together: small enough to stay in the processor's cache."""

NEVER = -1e9
"""Stands for log 0, so that 0 · log 0 is 0; log-probabilities of float32 logits lie far above."""


@dataclass(frozen=True)
class Scores:
    """Numbers per position, each (positions,); those with a default are None if not asked for."""

    logp: Tensor
    rank: Tensor
    finite: Tensor
    entropy: Tensor | None = None
    deviation: Tensor | None = None
    kl_to_base: Tensor | None = None
    kl_from_base: Tensor | None = None

    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays (positions,) by the names of the tokens record; NaN (rank: 0) where not finite."""
        columns = {
            "logp": self.logp,
            "rank": self.rank,
            "entropy": self.entropy,
            "logp_deviation": self.deviation,
            "kl_to_base": self.kl_to_base,
            "kl_from_base": self.kl_from_base,
        }
        finite = self.finite.cpu().numpy()
        return {
            name: np.where(finite, values.cpu().numpy(), 0 if name == "rank" else np.nan)
            for name, values in columns.items()
            if values is not None
        }


def score(
    logits: Tensor, targets: Tensor, *, law: bool, base_logits: Tensor | None = None
) -> Scores:
    """Score the token that came at each position, under p = softmax(logits).

    logits, base_logits: (positions, vocabulary); targets: (positions,) ids. logp = log p(target),
    nats; rank = #{v : z_v ≥ z_target}, so that 1 is the only most likely token and ties count
    against it. With `law`: entropy H = -Σ p log p; deviation = √Σ p (log p + H)², the spread by
    which Min-K%++ scales log p (Zhang et al. 2024, eq. 3); kl_to_base = Σ p (log p - log q) ≥ 0,
    q the base's law, and kl_from_base = Σ q (log q - log p) ≥ 0, which weighs what the base would
    have said.
    """
    parts = [
        _score(
            logits[start : start + POSITIONS_AT_ONCE],
            targets[start : start + POSITIONS_AT_ONCE],
            law,
            None if base_logits is None else base_logits[start : start + POSITIONS_AT_ONCE],
        )
        for start in range(0, max(len(targets), 1), POSITIONS_AT_ONCE)
    ]
    return Scores(
        logp=torch.cat([part.logp for part in parts]),
        rank=torch.cat([part.rank for part in parts]),
        finite=torch.cat([part.finite for part in parts]),
        entropy=_joined([part.entropy for part in parts]),
        deviation=_joined([part.deviation for part in parts]),
        kl_to_base=_joined([part.kl_to_base for part in parts]),
        kl_from_base=_joined([part.kl_from_base for part in parts]),
    )


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    tensors = [part for part in parts if part is not None]
    return torch.cat(tensors) if tensors else None


def _score(logits: Tensor, targets: Tensor, law: bool, base_logits: Tensor | None) -> Scores:
    z = logits.float()
    chosen = z.gather(1, targets[:, None])
    log_p = z - z.logsumexp(dim=1, keepdim=True)
    logp = log_p.gather(1, targets[:, None])[:, 0]
    rank = (z >= chosen).sum(dim=1)
    finite = logp.isfinite()
    if not law:
        return Scores(logp, rank, finite)
    log_p = log_p.clamp_min(NEVER)
    p = log_p.exp()
    entropy = -(p * log_p).sum(dim=1)
    deviation = (p * (log_p + entropy[:, None]) ** 2).sum(dim=1).sqrt()
    if base_logits is None:
        return Scores(logp, rank, finite, entropy, deviation)
    log_q = base_logits.float().log_softmax(dim=1).clamp_min(NEVER)
    # Rounding may leave a divergence of equal laws a hair below its bound of 0.
    to_base = (p * (log_p - log_q)).sum(dim=1).clamp_min(0.0)
    from_base = (log_q.exp() * (log_q - log_p)).sum(dim=1).clamp_min(0.0)
    return Scores(logp, rank, finite, entropy, deviation, to_base, from_base)
