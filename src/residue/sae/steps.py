"""Loss and gradients of one SAE on one batch, by hand, from sparse products.

    L = Σ‖x − x̂‖² / Σ‖x − x̄‖²  +  α·min(n/κ, 1) · Σ‖e − ê‖² / Σ‖e‖²     sums over the batch

with e = x − x̂ held fixed and ê the decoding, without b_dec, of the κ = d/2 largest
pre-activations among the n dead latents (AuxK: Gao et al. 2024, appendix A.2). These are taken as
they are, not through ReLU: a dead latent whose pre-activations are negative everywhere would
otherwise never learn. AuxK's gradient reaches encoder and decoder. JumpReLU adds

    λ·(l₀/k − 1)²,   l₀ = mean number of active latents

whose gradient reaches θ through straight-through estimates with a rectangle of width ε
(Rajamanoharan et al. 2024, eqs. 11-12; the target as in Gemma Scope 2).
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
    """(F,) θ of JumpReLU; None for TopK."""

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


@dataclass(frozen=True)
class Step:
    """Loss, its parts and gradients, and which latents fired."""

    gradients: Mapping[str, Tensor]
    parts: Mapping[str, float]
    """``loss``; ``unexplained`` (first term), ``aux`` (second, weighted), ``l0``."""
    fired: Tensor
    """(F,) bool."""


def step(weights: Weights, x: Tensor, dead: Tensor, aims: Aims) -> Step:
    """Loss and gradients on a batch x, (n, d), scaled; dead: (F,) bool."""
    w = weights
    centred = x - w.b_dec
    p = torch.addmm(w.b_enc, centred, w.encoder.T)
    code, active = _code(w, p, aims)
    decoded, leaf = code.decode(w.decoder)
    with torch.no_grad():
        error = x - w.b_dec - decoded.detach()
        spread = (x - x.mean(0)).square().sum()
        upstream = error.mul(-2 / spread)
    to_code = gradient(decoded, leaf, upstream)
    with torch.no_grad():
        to_p = to_code * active
        to_b_enc = code.total(to_p)
        gradients = {
            "encoder": code.by_latent(to_p, centred),
            "decoder": code.by_latent(code.values, upstream),
        }
        unexplained = float(error.square().sum() / spread)
        active_pairs = int(active.sum())
        l0 = active_pairs / len(x)
        loss = unexplained
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
    return Step(gradients, parts, fired)


def _code(w: Weights, p: Tensor, aims: Aims) -> tuple[Code, Tensor]:
    """The code and which of its pairs are active; of JumpReLU also pairs just below θ."""
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
