"""A model's files as a live model on one device: number format, attention, place, layout.

What was asked for and cannot be had is replaced by what can, never silently: the log says
so in words, which the manifest keeps.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from residue.models.four_bits import load_packed
from residue.models.layouts import OWN
from residue.models.loading import load_model, read_config
from residue.specs.model import LoadSpec

logger = logging.getLogger(__name__)


class DeviceError(RuntimeError):
    """A device that is not there, or a model that lies where it cannot be worked with; the message
    says which and the mend."""


def open_model(
    folder: str | Path, *, device: str = "cpu", load: LoadSpec | None = None
) -> tuple[Any, Any]:
    """Model in evaluation mode and its tokenizer; see `loading.load_model`.

    load: number format, four bits or not, attention and layout; None takes the defaults.
    """
    _require(device)
    spec = load or LoadSpec()
    dtype, note = chosen_dtype(spec.dtype, stored_dtype(read_config(folder)), device)
    if note:
        logger.warning("%s", note, extra={"replaced": True})
    layout = asdict(spec.layout) if spec.layout is not None else None
    if spec.weights == "nf4":
        model, tokenizer = load_packed(folder, device=device, dtype=dtype, layout=layout)
    else:
        model, tokenizer = load_model(folder, device=device, dtype=dtype)
    if spec.attention != "default":
        model.set_attn_implementation(spec.attention)
    if layout is not None:
        setattr(model.config, OWN, layout)
    require_one_device(model)
    return model, tokenizer


def _require(device: str) -> None:
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if not there.get(device, True):
        raise DeviceError(
            f"this job was given {device}, and torch {torch.__version__} finds none on this "
            "machine; set compute.device: auto or cpu, or install a torch that was built for it"
        )


def stored_dtype(config: dict[str, Any]) -> str:
    """The number format of a checkpoint, by its config.json; float32 where it names none."""
    named = config.get("dtype") or config.get("torch_dtype") or "float32"
    return str(named).removeprefix("torch.")


def chosen_dtype(wanted: str, stored: str, device: str) -> tuple[str, str]:
    """The format to load in, and in words what differs from the wish ('' where nothing does).

    wanted: as in `LoadSpec.dtype`; stored: the checkpoint's; device: cpu, cuda or mps.
    """
    if device == "cpu":
        if wanted == "auto":
            told = f"weights stored as {stored} are computed in float32 on the CPU"
            return "float32", "" if stored == "float32" else told
        if wanted == "float16":
            return "float32", "float16 is not computed on the CPU; float32 takes its place"
        return wanted, ""
    dtype = stored if wanted == "auto" else wanted
    if dtype == "bfloat16" and device == "cuda" and not _has_bfloat16():
        return "float16", "this card has no bfloat16; float16 takes its place"
    return dtype, ""


def _has_bfloat16() -> bool:
    import torch

    # Earlier cards emulate it, many times slower.
    return torch.cuda.get_device_capability()[0] >= 8


def require_one_device(model: Any) -> None:
    """`DeviceError` for a model whose weights lie on several devices or partly on disk.

    Hooks move rows of one block to another; a model divided by `device_map` would need every lens
    and edit divided with it.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    placed = getattr(inner, "hf_device_map", None) or {}
    places = {str(place) for place in placed.values()}
    places |= {weight.device.type for weight in inner.parameters()} if not places else set()
    if len(places) > 1:
        raise DeviceError(
            f"{type(inner).__name__} is divided over {', '.join(sorted(places))}; residue works on "
            "one device: load it without device_map, in four bits (model.load.weights: nf4) or on "
            "a larger card"
        )
