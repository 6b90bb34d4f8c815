"""What a fit leaves: tensors by name, and notes on each row that no other number shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residue.core.provenance import canonical
from residue.models.head import Array


@dataclass
class Fitted:
    """Tensors of one lens (`row_<l>.<part>`, float32) and notes by row, columns of its report:

    temperature, at_bound: of `temperature`; gradient_matrix, gradient_bias: gradient norms after
    the first step; spectrum: singular values of the map less the identity; effective_rank.
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    n: int = 0
    """Tokens, or positions, of the fit split that were used."""


def spectrum_notes(change: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Singular values of a map's difference from the identity, and their effective rank.

    Effective rank is exp of the entropy of the singular values as shares (Roy and Vetterli 2007);
    0 where the map is the identity.
    """
    values = np.linalg.svd(np.asarray(change, np.float64), compute_uv=False)
    total = float(values.sum())
    shares = values[values > 0.0] / total if total > 0.0 else np.empty(0)
    rank = float(np.exp(-(shares * np.log(shares)).sum())) if shares.size else 0.0
    return {"spectrum": values.tolist(), "effective_rank": rank}


def save_fitted(path: Path, fitted: Fitted) -> None:
    """Write tensors, with the notes in the file's metadata."""
    from safetensors.numpy import save_file

    tensors = {name: np.ascontiguousarray(value) for name, value in fitted.tensors.items()}
    notes = canonical({"n": fitted.n, "rows": {str(r): note for r, note in fitted.notes.items()}})
    save_file(dict(sorted(tensors.items())), path, metadata={"notes": notes})


def load_fitted(path: Path) -> Fitted:
    """Read what `save_fitted` wrote."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        notes = json.loads(file.metadata()["notes"])
    return Fitted(tensors, {int(row): note for row, note in notes["rows"].items()}, notes["n"])
