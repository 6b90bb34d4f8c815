"""How good an SAE is, on tokens that it was not trained on.

The names and formulas of SAEBench's core evaluation (Karvonen et al. 2025, arXiv 2503.09532), with
expectations over tokens. Explained variance compares with the best constant: SAEBench 0.6.0 (and
SAELens before 6.45.1) centre otherwise, so that a reconstruction that is no better than the mean
would pass for nearly perfect where the mean is large.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from residue.sae.models import Sae

Floats = NDArray[np.floating[Any]]

CHUNK = 4096
"""Tokens encoded at once; bounds memory, changes no number beyond rounding."""
OFTEN = (0.01, 0.1)
"""Shares of tokens above which a latent counts as firing often, and very often."""


class Tally:
    """Sums over tokens from which every score of one SAE follows; memory does not grow."""

    def __init__(self, sae: Sae) -> None:
        self.sae = sae
        self.tokens = 0
        self.mean = np.zeros(sae.width)
        self.fired = np.zeros(sae.latents, dtype=np.int64)
        self.sums = dict.fromkeys(
            ("square", "error", "made", "inner", "cosine", "ratio", "l1"), 0.0
        )

    def add(self, h: Floats) -> None:
        """Count residual rows h, (n, d)."""
        for start in range(0, len(h), CHUNK):
            self._add(h[start : start + CHUNK])

    def _add(self, h: Floats) -> None:
        z = self.sae.encode(h)
        made, h = self.sae.decode(z).astype(np.float64), h.astype(np.float64)
        norm, made_norm = np.linalg.norm(h, axis=1), np.linalg.norm(made, axis=1)
        inner = (h * made).sum(axis=1)
        tiny = np.finfo(np.float64).tiny
        self.tokens += len(h)
        self.mean += h.sum(axis=0)
        self.fired += (z > 0).sum(axis=0)
        for name, value in {
            "square": norm**2,
            "error": ((h - made) ** 2).sum(axis=1),
            "made": made_norm**2,
            "inner": inner,
            "cosine": inner / np.maximum(norm * made_norm, tiny),
            "ratio": made_norm / np.maximum(norm, tiny),
            "l1": z.sum(axis=1),
        }.items():
            self.sums[name] += float(value.sum())

    def scores(self) -> dict[str, float]:
        """Score → value.

        explained_variance 1 − E‖h−ĥ‖²/(E‖h‖² − ‖E h‖²); mse E‖h−ĥ‖²; cosine E cos(h, ĥ); l2_ratio
        E ‖ĥ‖/‖h‖; reconstruction_bias E‖ĥ‖²/E⟨h, ĥ⟩, 1 where nothing shrinks; l0, l1 active latents
        and their sum per token; dead, often, very_often: shares of latents that fire never, on more
        than 1 % and 10 % of tokens; crowding: mean over decoder rows of the largest cosine to
        another.
        """
        if self.tokens < 2:
            raise ValueError("scores need at least two held-out tokens; record a longer stream")
        mean = {name: value / self.tokens for name, value in self.sums.items()}
        spread = mean["square"] - float(((self.mean / self.tokens) ** 2).sum())
        often, very_often = ((self.fired > s * self.tokens).mean() for s in OFTEN)
        return {
            "explained_variance": 1 - mean["error"] / spread,
            "mse": mean["error"],
            "cosine": mean["cosine"],
            "l2_ratio": mean["ratio"],
            "reconstruction_bias": mean["made"] / mean["inner"],
            "l0": float(self.fired.sum() / self.tokens),
            "l1": mean["l1"],
            "dead": float((self.fired == 0).mean()),
            "often": float(often),
            "very_often": float(very_often),
            "crowding": crowding(self.sae.W_dec),
        }


def crowding(decoder: Floats) -> float:
    """Mean over rows of the largest cosine to another row, (F, d) of unit norm."""
    best = np.empty(len(decoder))
    for start in range(0, len(decoder), CHUNK):
        cosines = decoder[start : start + CHUNK] @ decoder.T
        here = np.arange(len(cosines))
        cosines[here, start + here] = -np.inf
        best[start : start + CHUNK] = cosines.max(axis=1)
    return float(best.mean())


def score_rows(sae: Sae, parts: Iterable[Floats]) -> tuple[dict[str, float], int]:
    """Scores of an SAE on residual rows that come in parts, and the number of tokens."""
    tally = Tally(sae)
    for part in parts:
        tally.add(part)
    return tally.scores(), tally.tokens


def score_table(scores: Iterable[tuple[str, dict[str, float], int]]) -> pd.DataFrame:
    """(SAE, scores, tokens) as a long table: sae, score, value, tokens."""
    lines = [
        {"sae": sae, "score": name, "value": float(value), "tokens": tokens}
        for sae, values, tokens in scores
        for name, value in values.items()
    ]
    return pd.DataFrame(lines, columns=["sae", "score", "value", "tokens"])
