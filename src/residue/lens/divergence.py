"""Distances between next-token laws from logits, in bits, without any constant inside a logarithm.

With log p = z - logsumexp(z) nothing underflows before the difference is taken: logits of +-1000
give the true divergence of hundreds of bits, where a clipped form gives 99.7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from residue.models.head import Array

Floats = NDArray[np.floating]
BITS = 1.0 / float(np.log(2.0))


def log_softmax(logits: Floats) -> Floats:
    """Natural log-probabilities (..., vocabulary), in the precision of the logits."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def kl_bits(log_p: Floats, log_q: Floats, p: Floats | None = None) -> Floats:
    """KL(P || Q) in bits along the last axis; `p` spares an exponential where it is known.

    A token that P rules out (log p of -inf) adds nothing, whatever Q gives it.
    """
    p = np.exp(log_p) if p is None else p
    with np.errstate(invalid="ignore"):
        return np.maximum(_weighted(p, log_p - log_q), 0.0) * BITS


def js_bits(log_p: Floats, log_q: Floats, p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence in bits, H(M) - (H(P) + H(Q)) / 2 with M their mean, between 0 and
    1 (Lin 1991)."""
    m = 0.5 * (p + q)
    log_m = np.log(m, out=np.zeros_like(m), where=m > 0.0)
    apart = 0.5 * (entropy_bits(log_p, p) + entropy_bits(log_q, q))
    return np.clip(entropy_bits(log_m, m) - apart, 0.0, 1.0)


def entropy_bits(log_p: Floats, p: Floats) -> Floats:
    """Entropy in bits along the last axis."""
    return -_weighted(p, log_p) * BITS


def _weighted(p: Floats, values: Floats) -> Floats:
    """Sum of p times values along the last axis, 0 where p is 0 and the value infinite."""
    sums = np.asarray(np.einsum("...v,...v->...", p, values))
    if np.isfinite(sums).all():
        return sums
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(p > 0.0, p * values, 0.0).sum(axis=-1))


def fitted_laws(logits: Array) -> Floats:
    """Log-probabilities in float32, enough for the means of a report."""
    return log_softmax(np.asarray(logits, dtype=np.float32))
