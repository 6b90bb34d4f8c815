"""Where an SAE comes from: the metadata of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from residue.core.artifacts import read_json
from residue.models.layouts import layout_of
from residue.sae.files import weights_sha256
from residue.sae.learner import Trained
from residue.specs.sae import SaeTraining


def hook_name(kind: str, row: int, own: Mapping[str, Any] | None = None) -> str:
    """Module whose output row `row` is, as a path that SAELens hooks; kind: config.json's
    model_type; own: the layout of the user's config."""
    layout = layout_of(kind, own, "the modules of the model's own source")
    return f"{layout.blocks}.{row - 1}" if row else layout.embedding


def origin(
    model: Sequence[Path],
    trained: Trained,
    spec: SaeTraining,
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Metadata of a trained SAE; model: the files of the base it was trained on; own: the layout
    of the user's config."""
    config = next((path for path in model if path.name == "config.json"), None)
    if config is None:
        raise FileNotFoundError("the model's folder holds no config.json; save the model there")
    return {
        "model_name": config.parent.name,
        "hook_name": hook_name(read_json(config)["model_type"], trained.sae.row, own),
        "residue_model_sha256": weights_sha256(model),
        "residue_seed": trained.shape.seed,
        "residue_scale": trained.scale,
        "residue_tokens": spec.updates * spec.batch,
    }
