"""The head that a loaded model has now, for models whose edits change norms or unembedding."""

from __future__ import annotations

from typing import Any

from residue.models.head import Head, HeadShape


def live_head(model: Any, shape: HeadShape) -> Head:
    """Norms and unembedding of a live model; shape: of the model that was edited."""
    tensors = {}
    for name, path in shape.paths.items():
        if name == "embedding":
            continue
        module = model.get_submodule(path)
        for part in ("weight", "bias"):
            value = getattr(module, part, None)
            if value is not None:
                tensors[f"{name}.{part}"] = value.detach().float().cpu().numpy().copy()
    return Head(shape=shape, tensors=tensors)
