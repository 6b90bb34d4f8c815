"""Random small SAEs of both architectures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from residue.sae.models import Sae

WIDTH, LATENTS, K, ROW = 8, 30, 5, 2


def random_sae(architecture: str = "topk", seed: int = 0, k: int = K) -> Sae:
    """Unit-norm decoder, encoder near its transpose, biases everywhere."""
    rng = np.random.default_rng(seed)
    decoder = rng.normal(size=(LATENTS, WIDTH))
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    encoder = decoder.T + 0.2 * rng.normal(size=(WIDTH, LATENTS))
    threshold = rng.uniform(0.1, 1.0, LATENTS).astype(np.float32)
    return Sae(
        architecture=architecture,
        W_enc=encoder.astype(np.float32),
        b_enc=(0.2 * rng.normal(size=LATENTS)).astype(np.float32),
        W_dec=decoder.astype(np.float32),
        b_dec=rng.normal(size=WIDTH).astype(np.float32),
        k=k,
        row=ROW,
        threshold=threshold if architecture == "jumprelu" else None,
    )


@pytest.fixture
def make_sae() -> Callable[..., Sae]:
    return random_sae


@pytest.fixture
def rows() -> np.ndarray:
    """Residual vectors, (60, WIDTH) float32."""
    return (2 * np.random.default_rng(1).normal(size=(60, WIDTH))).astype(np.float32)
