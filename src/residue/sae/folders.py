"""The SAEs of one chosen row: the one that edits use, and those beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from residue.core.artifacts import read_json
from residue.sae.files import CONFIG, load_sae, weights_sha256
from residue.sae.models import Sae
from residue.specs.sae import SaeSpec


def read_saes(
    folder: Path, beside: Path, spec: SaeSpec, model: Sequence[Path], row: int | None = None
) -> dict[str, Sae]:
    """SAEs by the names of their shapes, the one in `folder` first.

    model: files of the base that they must have been trained on; row: the one they must be of, by
    default whichever the first names.
    """
    config = read_json(folder / CONFIG)
    row = int(config["metadata"]["residue_row"]) if row is None else row
    digest = weights_sha256(model)
    places = [folder, *(beside / shape.name for shape in spec.beside)]
    return {
        shape.name: load_sae(place, width=config["d_in"], row=row, model_sha256=digest, k=shape.k)
        for place, shape in zip(places, spec.shapes, strict=True)
    }
