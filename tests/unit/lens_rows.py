"""What the tests of lenses share."""

from __future__ import annotations

import numpy as np

from residue.models.head import Head, HeadShape

WIDTH, VOCABULARY, BLOCKS = 12, 70, 3


def some_rows(n: int, seed: int = 0) -> np.ndarray:
    """Vectors (n, width) float32 of lengths far from 1."""
    rng = np.random.default_rng(seed)
    return (3.0 * rng.normal(size=(n, WIDTH))).astype(np.float32)


def identity_tensors() -> dict[str, np.ndarray]:
    """Tensors with which the head reads a row as it is. Twice the row, for the tuned lens, whose
    map is added to the row: a norm does not see the scale."""
    tensors = {"rotation": np.eye(WIDTH, dtype=np.float32)}
    for row in range(BLOCKS + 1):
        tensors |= {
            f"row_{row}.temperature": np.ones(1, np.float32),
            f"row_{row}.bias": np.zeros(WIDTH, np.float32),
            f"row_{row}.matrix": np.eye(WIDTH, dtype=np.float32),
            f"row_{row}.mean": np.zeros(WIDTH, np.float32),
            f"row_{row}.deviation": np.ones(WIDTH, np.float32),
        }
    return tensors


def random_head(norm: str = "rms", softcap: float | None = None, bias: bool = False) -> Head:
    """A head with random tensors and, if asked for, biases and a cap."""
    rng = np.random.default_rng(5)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    names = [*(f"norm_{row}" for row in range(BLOCKS)), "final_norm"]
    tensors = {f"{name}.weight": 1.0 + 0.3 * draw(WIDTH) for name in names}
    tensors["unembedding.weight"] = draw(VOCABULARY, WIDTH)
    if bias:
        tensors |= {f"{name}.bias": draw(WIDTH) for name in names}
        tensors["unembedding.bias"] = draw(VOCABULARY)
    shape = HeadShape(
        model_type="random", n_blocks=BLOCKS, width=WIDTH, vocabulary=VOCABULARY, norm=norm,
        norm_eps=1e-5, softcap=softcap, embedding_scale=1.0, tied=False, paths={},
    )  # fmt: skip
    return Head(shape, tensors)
