"""A second opinion on rows and logits: TransformerLens reads a merged copy of the model.

Its bridge finds the model's parts by code of its own, so that it agrees only where both are right.
What it cannot read (an edit that does not merge into weights, an architecture that it does not
know, a Python without it) is a line of status `skipped` with the reason.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from residue.lens.selftest import BITS, TOLERANCE, Check, divergence, off
from residue.models.head import Array

if TYPE_CHECKING:
    from residue.lens.observation import Observation

WITNESS = "transformer_lens"
LOOSER = 10.0
"""Times the self-test's tolerance: the witness sums in another order, block after block."""


def cannot_read(architecture: str) -> str:
    """Why the witness cannot read a model of this class (config.json's `architectures`), or ''."""
    if importlib.util.find_spec(WITNESS) is None:
        return "transformer-lens is not installed"
    _stay_offline()
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

    if architecture not in SUPPORTED_ARCHITECTURES:
        return f"TransformerLens has no adapter for {architecture}"
    return ""


def skipped(reason: str) -> list[Check]:
    """The one line of a model that the witness cannot read."""
    return [Check("witness", None, np.nan, np.nan, "skipped", reason)]


def read_with_witness(folder: Path, prompts: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Rows (n + 1, t, d) and logits (t, vocabulary) of prompts in ids, one prompt at a time.

    folder: a saved model with its tokenizer, edits merged in.
    """
    _stay_offline()
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float32)
    n_blocks = len(bridge.blocks)
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{b}.hook_resid_post" for b in range(n_blocks))]
    rows, logits = [], []
    for ids in prompts:
        with torch.inference_mode():
            said, cache = bridge.run_with_cache(torch.tensor([list(ids)]))
        rows.append(np.stack([cache[name][0].float().numpy() for name in names]))
        logits.append(said[0].float().numpy())
    return np.concatenate(rows, axis=1), np.concatenate(logits)


def compare(seen: Observation, rows: Array, logits: Array) -> list[Check]:
    """Our observation of the merged model against the witness's, line by line."""
    tolerance = LOOSER * TOLERANCE[seen.dtype]
    checks = [
        _judged("witness_row", row, off(ours, theirs), tolerance)
        for row, (ours, theirs) in enumerate(zip(seen.rows, rows, strict=True))
    ]
    law = float(divergence(seen.logits, logits).max())
    checks.append(_judged("witness_logits", None, off(seen.logits, logits), tolerance))
    checks.append(_judged("witness_kl", None, law, LOOSER * BITS[seen.dtype]))
    note = f"{WITNESS.replace('_', '-')} {importlib.metadata.version('transformer-lens')}"
    return [replace(check, note=note) for check in checks]


def _judged(check: str, row: int | None, value: float, tolerance: float) -> Check:
    return Check(check, row, value, tolerance, "ok" if value <= tolerance else "failed")


def _stay_offline() -> None:
    """Before its first import: the bridge must look for nothing outside the folder."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
