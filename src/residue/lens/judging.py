"""The report on a lens: how far its law is from the model's own on held-out texts, row by row.

    KL(F || P_l) in bits, mean over tokens; interval with countries as units

beside the same number of the next-norm lens on the same tokens, and of the lens's control where it
has one. A lens is accepted at a row where the whole interval of its paired difference to the
next-norm lens lies below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from residue.lens.artefacts import Fitted
from residue.lens.decoders import next_norm
from residue.lens.divergence import Floats, fitted_laws, kl_bits
from residue.models.head import Array, Head
from residue.records.stream import StreamFile
from residue.stats.crossed import crossed_interval
from residue.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

MOST_LOGITS = 1 << 21
"""Logits that are held at a time."""

MOST_FIT_TOKENS = 4096
"""Tokens of the fit split, its first, on which a fit is judged for comparison."""

SAME = 1e-6
"""Bits; a lens that is the next-norm lens at a row differs from it by rounding alone."""

SCHEMA = pa.schema(
    [
        pa.field("lens", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("kl_from_final", "low", "high", "level")),
        pa.field("method", pa.string(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("kl_to_final", "kl_from_final_fit")),
        *(pa.field(name, pa.float64()) for name in ("next_norm", "versus_next")),
        *(pa.field(f"versus_next_{end}", pa.float64()) for end in ("low", "high")),
        pa.field("control", pa.string(), nullable=False),
        pa.field("versus_control", pa.float64()),
        *(pa.field(f"versus_control_{end}", pa.float64()) for end in ("low", "high")),
        *(pa.field(f"n_{name}", pa.int64()) for name in ("fit", "held_out", "texts", "clusters")),
        pa.field("status", pa.string(), nullable=False),
        pa.field("temperature", pa.float64()),
        pa.field("at_bound", pa.bool_()),
        *(pa.field(f"gradient_{part}", pa.float64()) for part in ("matrix", "bias")),
        pa.field("effective_rank", pa.float64()),
        pa.field("spectrum", pa.list_(pa.float64())),
        pa.field("pair", pa.int64(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
    ]
)

NOTES = ("temperature", "at_bound", "gradient_matrix", "gradient_bias", "effective_rank")


class Decoder(Protocol):
    """A file of `lens/decoders`."""

    def decode(self, rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array: ...


@dataclass(frozen=True)
class Lens:
    """A decoder with its name and what was fitted for it."""

    name: str
    decoder: Decoder
    fitted: Fitted


def judge(
    lens: Lens,
    control: Lens | None,
    stream: StreamFile,
    corpus: pd.DataFrame,
    head: Head,
    *,
    level: float,
    pair: int,
    role: str,
) -> pa.Table:
    """One line per row, with `SCHEMA`. corpus: columns text and country; pair, role: of the
    model whose stream and head these are."""
    keys = stream.read_all("held_out", ["text"])["text"]
    country = corpus.set_index("text")["country"]
    units = country[keys].to_numpy()
    units = np.where(units == "", keys.to_numpy(), units)
    names, unit = np.unique(units.astype(str), return_inverse=True)
    last = head.shape.n_blocks
    held, seen = stream.read(last, "held_out"), stream.read(last, "fit")[:MOST_FIT_TOKENS]
    lines = []
    for row in stream.rows:
        near = _distances(lens, control, stream.read(row, "held_out"), held, row, head)
        fit = _from_final(lens, stream.read(row, "fit")[:MOST_FIT_TOKENS], seen, row, head)
        spans = {
            name: _interval(near[name], unit, len(names), level)
            for name in ("kl_from_final", "versus_next", "versus_control")
        }
        own = spans["kl_from_final"]
        lines.append(
            {
                "lens": lens.name,
                "row": row,
                "kl_from_final": own.estimate,
                "low": own.low,
                "high": own.high,
                "level": level,
                "method": own.method,
                "kl_to_final": float(near["kl_to_final"].mean()),
                "kl_from_final_fit": float(fit.mean()),
                "next_norm": float((near["kl_from_final"] - near["versus_next"]).mean()),
                **_span("versus_next", spans["versus_next"]),
                "control": "" if control is None else control.name,
                **_span("versus_control", None if control is None else spans["versus_control"]),
                "n_fit": lens.fitted.n,
                "n_held_out": len(held),
                "n_texts": int(keys.nunique()),
                "n_clusters": len(names),
                "status": _status(near["versus_next"], spans["versus_next"]),
                **{name: lens.fitted.notes.get(row, {}).get(name) for name in NOTES},
                "spectrum": lens.fitted.notes.get(row, {}).get("spectrum"),
                "pair": pair,
                "role": role,
            }
        )
    return pa.Table.from_pylist(lines, schema=SCHEMA)


def _distances(
    lens: Lens, control: Lens | None, rows: Array, final: Array, row: int, head: Head
) -> dict[str, Floats]:
    """Per token: both divergences of the lens, and its difference to the next-norm lens and to the
    control (0 where there is none), all in bits."""
    found: dict[str, list[Floats]] = {}
    size = max(1, MOST_LOGITS // head.shape.vocabulary)
    for at in range(0, len(rows), size):
        x = rows[at : at + size]
        law = fitted_laws(head.logits(final[at : at + size]))
        p = np.exp(law)
        read = fitted_laws(lens.decoder.decode(x, row, head, lens.fitted.tensors))
        own = kl_bits(law, read, p)
        base = kl_bits(law, fitted_laws(next_norm.decode(x, row, head, {})), p)
        other = own
        if control is not None:
            tensors = control.fitted.tensors
            other = kl_bits(law, fitted_laws(control.decoder.decode(x, row, head, tensors)), p)
        parts = {
            "kl_from_final": own,
            "kl_to_final": kl_bits(read, law),
            "versus_next": own - base,
            "versus_control": own - other,
        }
        for name, values in parts.items():
            found.setdefault(name, []).append(values.astype(np.float64))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _from_final(lens: Lens, rows: Array, final: Array, row: int, head: Head) -> Floats:
    size = max(1, MOST_LOGITS // head.shape.vocabulary)
    return np.concatenate(
        [
            kl_bits(
                fitted_laws(head.logits(final[at : at + size])),
                fitted_laws(
                    lens.decoder.decode(rows[at : at + size], row, head, lens.fitted.tensors)
                ),
            )
            for at in range(0, len(rows), size)
        ]
    )


def _interval(values: Floats, unit: np.ndarray, n: int, level: float) -> Interval:
    """Mean over tokens; its units weigh what they hold of tokens. Where the laws are the same at
    every token, as at row n, there is nothing to sample."""
    if float(np.abs(values).max()) <= SAME:
        return Interval(0.0, 0.0, 0.0, level, "the same law at every token", n)
    totals = np.bincount(unit, weights=values, minlength=n)[None].astype(np.float64)
    weights = np.bincount(unit, minlength=n)[None].astype(np.float64)
    return crossed_interval(totals, weights, level=level)


def _span(name: str, interval: Interval | None) -> dict[str, Any]:
    values = (None, None, None)
    if interval is not None:
        values = (interval.estimate, interval.low, interval.high)  # type: ignore[assignment]
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _status(differences: Floats, interval: Interval) -> str:
    """accepted, regressive (not surely better than the next-norm lens), or equal to it."""
    if float(np.abs(differences).max()) <= SAME:
        return "equal"
    return "accepted" if interval.high < 0.0 else "regressive"
