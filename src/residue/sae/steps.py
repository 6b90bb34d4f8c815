"""Loss and gradients of one SAE on one batch, by hand, from sparse products.

    L = Σ‖x − x̂‖² / Σ‖x − x̄‖²  +  α·min(n/κ, 1) · Σ‖e − ê‖² / Σ‖e‖²     sums over the batch

with e = x − x̂ held fixed and ê the decoding, without b_dec, of the κ = d/2 largest
pre-activations among the n dead latents (AuxK: Gao et al. 2024, appendix A.2). These are taken as
they are, not through ReLU: a dead latent whose pre-activations are negative everywhere would
otherwise never learn. AuxK's gradient reaches encoder and decoder. JumpReLU adds

    λ·(l₀/k − 1)²,   l₀ = mean number of active latents

whose gradient reaches θ through straight-through estimates with a rectangle of width ε
(Rajamanoharan et al. 2024, eqs. 11-12; the target as in Gemma Scope 2). BatchTopK keeps the k·n
largest pre-activations of the whole batch of n tokens (Bussmann et al. 2024, arXiv 2412.06410).
Matryoshka does so and takes the mean of the first term over reconstructions by the first F/8, F/4,
F/2 and F latents alone (Bussmann et al. 2025, arXiv 2503.17547).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from residue.sae.sparse import Code, code_of, code_where, gradient, largest

NAMES = ("encoder", "b_enc", "decoder", "b_dec", "threshold")


@dataclass(frozen=True)
class Weights:
    """Parameters of an SAE in training, in units of the scaled input; changed in place."""

    encoder: Tensor
    """(F, d): W_enc transposed, so that its gradient comes in rows like the decoder's."""
    b_enc: Tensor
    """(F,)."""
    decoder: Tensor
    """(F, d), rows of norm 1."""
    b_dec: Tensor
    """(d,)."""
    threshold: Tensor | None
    """(F,) θ of JumpReLU; None for the others."""

    def named(self) -> dict[str, Tensor]:
        """The parameters that there are, by name."""
        return {n: getattr(self, n) for n in NAMES if getattr(self, n) is not None}


@dataclass(frozen=True)
class Aims:
    """What one SAE's loss asks for."""

    k: int
    """Latents per token: exactly, or for JumpReLU on average."""
    aux: float
    """α, the weight of the AuxK loss."""
    sparsity: float = 1.0
    """λ of JumpReLU."""
    bandwidth: float = 0.05
    """ε of JumpReLU, in units of the scaled input."""
    across: bool = False
    """Whether k is a mean over the batch (BatchTopK)."""
    prefixes: tuple[int, ...] = ()
    """Numbers of first latents that reconstruct alone, the last one all; empty: all of them."""


@dataclass(frozen=True)
class Step:
    """Loss, its parts and gradients, and which latents fired."""

    gradients: Mapping[str, Tensor]
    parts: Mapping[str, float]
    """``loss``; ``unexplained`` (first term), ``aux`` (second, weighted), ``l0``."""
    fired: Tensor
    """(F,) bool."""
    level: float | None = None
    """Least active pre-activation of the batch, of BatchTopK alone."""


def step(weights: Weights, x: Tensor, dead: Tensor, aims: Aims) -> Step:
    """Loss and gradients on a batch x, (n, d), scaled; dead: (F,) bool."""
    w = weights
    centred = x - w.b_dec
    p = torch.addmm(w.b_enc, centred, w.encoder.T)
    code, active = _code(w, p, aims)
    spread = (x - x.mean(0)).square().sum()
    said = _reconstruct(w, x, code, spread, aims.prefixes or (p.shape[1],))
    error, upstream, to_code = said.error, said.upstream, said.to_code
    with torch.no_grad():
        to_p = to_code * active
        to_b_enc = code.total(to_p)
        gradients = {
            "encoder": code.by_latent(to_p, centred),
            "decoder": said.to_decoder,
        }
        unexplained = float(error.square().sum() / spread)
        active_pairs = int(active.sum())
        l0 = active_pairs / len(x)
        loss = said.loss
        level = float(code.values.min()) if aims.across and active_pairs else None
        if w.threshold is not None:
            gap = l0 / aims.k - 1
            loss += aims.sparsity * gap**2
            slope = 2 * aims.sparsity * gap / aims.k / len(x)
            gradients["threshold"] = _to_threshold(w.threshold, p, code, to_code, slope, aims)
        fired = code.total(active.to(x.dtype)) > 0
    aux = 0.0
    if aims.aux and bool(dead.any()):
        aux = _add_aux(w, p, centred, error, dead, aims, gradients, to_b_enc)
    gradients["b_enc"] = to_b_enc
    gradients["b_dec"] = upstream.sum(0) - to_b_enc @ w.encoder
    parts = {"loss": loss + aux, "unexplained": unexplained, "aux": aux, "l0": l0}
    return Step(gradients, parts, fired, level)


def starting_factor(weights: Weights, x: Tensor, aims: Aims) -> float:
    """What the code of a batch x, (n, d), is to be multiplied with to reconstruct it best: the
    least-squares factor of its decoding; 1 where nothing is active."""
    centred = x - weights.b_dec
    code, _ = _code(weights, torch.addmm(weights.b_enc, centred, weights.encoder.T), aims)
    with torch.no_grad():
        said, _ = code.decode(weights.decoder)
        size = float(said.square().sum())
        return float((centred * said).sum()) / size if size > 0 else 1.0


@dataclass(frozen=True)
class _Said:
    """What the reconstructions of a batch give."""

    loss: float
    error: Tensor
    """x − x̂ by all latents, (n, d)."""
    upstream: Tensor
    """Gradient to the sum of the reconstructions, (n, d)."""
    to_code: Tensor
    """Gradient to every z, (pairs,)."""
    to_decoder: Tensor
    """(F, d)."""


def _reconstruct(
    w: Weights, x: Tensor, code: Code, spread: Tensor, prefixes: tuple[int, ...]
) -> _Said:
    """Reconstructions by the first latents of each prefix; the last prefix must be all latents."""
    loss, found = 0.0, _Said(0.0, x, x, x, x)
    for place, first in enumerate(prefixes):
        mask = code.latents < first
        part = code if first == len(w.decoder) else code.where(mask)
        decoded, leaf = part.decode(w.decoder)
        with torch.no_grad():
            error = x - w.b_dec - decoded.detach()
            upstream = error.mul(-2 / (spread * len(prefixes)))
            loss += float(error.square().sum() / spread) / len(prefixes)
        slope = gradient(decoded, leaf, upstream)
        with torch.no_grad():
            to_decoder = part.by_latent(part.values, upstream)
            to_code = slope if part is code else torch.zeros_like(code.values)
            if part is not code:
                to_code[mask] = slope
            if place:
                upstream = upstream + found.upstream
                to_code, to_decoder = to_code + found.to_code, to_decoder + found.to_decoder
            found = _Said(loss, error, upstream, to_code, to_decoder)
    return found


def _code(w: Weights, p: Tensor, aims: Aims) -> tuple[Code, Tensor]:
    """The code and which of its pairs are active; of JumpReLU also pairs just below θ."""
    if aims.across:
        level = largest(p.reshape(1, -1), aims.k * len(p))[0].min()
        code = code_where((p >= level) & (p > 0), p)
        return code, torch.ones_like(code.values, dtype=torch.bool)
    if w.threshold is None:
        values, chosen = largest(p, aims.k)
        code = code_of(values.clamp_(min=0), chosen, p.shape[1])
        return code, code.values > 0
    near = code_where(p > w.threshold - aims.bandwidth / 2, p)
    active = near.values > w.threshold[near.latents]
    return replace(near, values=near.values * active), active


def _to_threshold(
    threshold: Tensor, p: Tensor, code: Code, to_code: Tensor, slope: float, aims: Aims
) -> Tensor:
    """Straight-through gradient to θ: −(θ/ε)·∂L/∂z − (1/ε)·∂L/∂l₀ on pairs within ε/2 of θ."""
    theta = threshold[code.latents]
    band = (p[code.tokens, code.latents] - theta).abs() < aims.bandwidth / 2
    return code.total(-(theta * to_code + slope) * band / aims.bandwidth)


def _add_aux(
    w: Weights,
    p: Tensor,
    centred: Tensor,
    error: Tensor,
    dead: Tensor,
    aims: Aims,
    gradients: dict[str, Tensor],
    to_b_enc: Tensor,
) -> float:
    """Add AuxK's gradients in place; returns its weighted loss."""
    named = dead.nonzero()[:, 0]
    most = max(1, centred.shape[1] // 2)
    values, chosen = largest(p[:, named].contiguous(), min(most, len(named)))
    code = code_of(values, named[chosen], p.shape[1])
    decoded, leaf = code.decode(w.decoder)
    with torch.no_grad():
        share = aims.aux * min(len(named) / most, 1.0)
        left = error - decoded.detach()
        size = error.square().sum()
        upstream = left.mul(-2 * share / size)
    to_p = gradient(decoded, leaf, upstream)
    with torch.no_grad():
        gradients["encoder"] += code.by_latent(to_p, centred)
        gradients["decoder"] += code.by_latent(values.reshape(-1), upstream)
        to_b_enc += code.total(to_p)
        return float(share * left.square().sum() / size)
