"""Fit of the lens `temperature`: one number per row, by Newton's method on a convex function.

With b = 1 / tau, f(b) = E[logsumexp(b z) - b E_F z] is KL(F || softmax(b z)) up to a constant;
f' = E[E_P z - E_F z], f'' = E Var_P z >= 0. The same divergence is fitted and reported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residue.lens.artefacts import Fitted
from residue.lens.decoders import next_norm
from residue.lens.divergence import fitted_laws
from residue.models.head import Array, Head
from residue.records.stream import StreamFile
from residue.specs.fields import load
from residue.specs.lens import TemperatureSpec

STEPS = 40
"""More than Newton's method, kept within a bracket, needs."""


def fit(stream: StreamFile, head: Head, options: dict[str, Any], seed: int) -> Fitted:
    """Temperatures of every row, row n included, where 1 is right; whether they hit a bound."""
    spec = load(TemperatureSpec, options["temperature"], "lens.temperature")
    final = _some(stream.read(head.shape.n_blocks, "fit"), spec.tokens, seed)
    law = np.exp(fitted_laws(head.logits(final)))
    made = Fitted(n=min(stream.n("fit"), spec.tokens))
    for row in stream.rows:
        rows = _some(stream.read(row, "fit"), spec.tokens, seed)
        logits = next_norm.decode(rows, row, head, {})
        tau = best_temperature(logits, law, spec.low, spec.high)
        made.tensors[f"row_{row}.temperature"] = np.array([tau], np.float32)
        made.notes[row] = {
            "temperature": tau,
            "at_bound": bool(np.isclose(tau, (spec.low, spec.high)).any()),
        }
    return made


def best_temperature(logits: Array, law: Array, low: float, high: float) -> float:
    """The tau in [low, high] at which softmax(logits / tau) is nearest to the laws (n, V)."""
    law, logits = np.asarray(law), np.asarray(logits)
    wanted = float((law * logits).sum(axis=-1, dtype=np.float64).mean())
    ends = [1.0 / high, 1.0 / low]
    b = min(max(1.0, ends[0]), ends[1])
    for _ in range(STEPS):
        p = np.exp(fitted_laws(logits * np.float32(b)))
        mean = (p * logits).sum(axis=-1, dtype=np.float64)
        square = (p * np.square(logits)).sum(axis=-1, dtype=np.float64)
        slope, curve = float(mean.mean()) - wanted, float((square - mean**2).mean())
        ends[slope > 0.0] = b
        step = b - slope / curve if curve > 0.0 else sum(ends) / 2.0
        following = step if ends[0] <= step <= ends[1] else sum(ends) / 2.0
        if abs(following - b) <= 1e-6 * b:
            break
        b = following
    return 1.0 / b


def _some(values: Array, n: int, seed: int) -> Array:
    """At most n lines by chance, the same for every row."""
    if len(values) <= n:
        return values
    chosen = np.random.default_rng(seed).choice(len(values), n, replace=False)
    return np.asarray(values[np.sort(chosen)])
