"""Sparse autoencoders: a residual vector as a sum of a few of many learnt directions.

    p = (h − b_dec)·W_enc + b_enc            pre-activations, one per latent
    z = ReLU(p) on the k largest p           TopK      (Gao et al. 2024, arXiv 2406.04093)
    z = ReLU(p) · 1[p > θ]                   JumpReLU  (Rajamanoharan et al. 2024, 2407.14435)
    ĥ = z·W_dec + b_dec                      rows of W_dec have norm 1

The code z is sparse and is the only one there is: whatever reads features, reads z, never p.
`Sae` needs numpy alone; `TorchSae` is the same on live models, with gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from residue.sae.live import TorchSae

Array = NDArray[np.floating[Any]]
ARCHITECTURES = ("topk", "jumprelu")


class Pairs(NamedTuple):
    """The active (token, latent) pairs of some rows and their z, each (pairs,)."""

    tokens: NDArray[np.integer[Any]]
    latents: NDArray[np.integer[Any]]
    values: Array


@dataclass(frozen=True)
class Sae:
    """A trained SAE of one residual row, in units of the residual stream (d wide, F latents)."""

    architecture: str
    """``topk`` or ``jumprelu``."""
    W_enc: Array
    """(d, F)."""
    b_enc: Array
    """(F,)."""
    W_dec: Array
    """(F, d); row i is the direction that latent i writes."""
    b_dec: Array
    """(d,)."""
    k: int
    """Most latents of a code (TopK), or the mean number that training aimed at (JumpReLU)."""
    row: int
    """Residual row it was trained on: 0 embeddings, l after block l−1."""
    threshold: Array | None = None
    """(F,) θ of JumpReLU; None for TopK."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of its origin."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"an SAE of architecture '{self.architecture}' is not known; there are "
                f"{' and '.join(ARCHITECTURES)}"
            )
        if (self.threshold is None) != (self.architecture == "topk"):
            raise ValueError("a JumpReLU SAE needs thresholds and a TopK SAE has none")
        if not 1 <= self.k <= self.latents:
            raise ValueError(f"k is {self.k}; it must lie between 1 and {self.latents} latents")
        shapes = {
            "W_enc": (self.width, self.latents),
            "b_enc": (self.latents,),
            "W_dec": (self.latents, self.width),
            "threshold": (self.latents,),
        }
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} has the shape {value.shape}, not {shape}")

    @property
    def width(self) -> int:
        """d, the width of the residual stream."""
        return int(self.b_dec.shape[0])

    @property
    def latents(self) -> int:
        """F, the number of latents."""
        return int(self.W_dec.shape[0])

    def pre_activations(self, h: Array) -> Array:
        """p of rows h, (…, d) -> (…, F)."""
        p: Array = (h - self.b_dec) @ self.W_enc + self.b_enc
        return p

    def pairs(self, h: Array) -> Pairs:
        """The active latents of each of the rows h, (n, d)."""
        p = self.pre_activations(np.asarray(h, dtype=self.W_enc.dtype))
        if self.threshold is not None:
            tokens, latents = np.nonzero((p > self.threshold) & (p > 0))
            return Pairs(tokens, latents, p[tokens, latents])
        chosen = np.argpartition(p, self.latents - self.k, axis=1)[:, -self.k :]
        values = np.take_along_axis(p, chosen, axis=1)
        tokens, places = np.nonzero(values > 0)
        return Pairs(tokens, chosen[tokens, places], values[tokens, places])

    def encode(self, h: Array) -> Array:
        """The sparse code z of rows h, (…, d) -> (…, F): zero but for the active latents."""
        rows = np.asarray(h).reshape(-1, self.width)
        z = np.zeros((len(rows), self.latents), dtype=self.W_enc.dtype)
        active = self.pairs(rows)
        z[active.tokens, active.latents] = active.values
        return z.reshape(*np.shape(h)[:-1], self.latents)

    def decode(self, z: Array) -> Array:
        """ĥ of codes z, (…, F) -> (…, d)."""
        h: Array = z @ self.W_dec + self.b_dec
        return h

    def written(self, z: Array, features: NDArray[np.integer[Any]]) -> Array:
        """Σ over the given latents of z_i·w_i, (…, F) -> (…, d): what a gate on them takes away."""
        part: Array = z[..., features] @ self.W_dec[features]
        return part

    @cached_property
    def live(self) -> TorchSae:
        """The same on the CPU in torch, float32; `.to` moves it."""
        from residue.sae.live import TorchSae

        return TorchSae(self)
