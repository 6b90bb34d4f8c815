"""Models from folders on disk: local files, safetensors, no remote code."""

from __future__ import annotations

import importlib
import importlib.util
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from residue.models.lean import built_in_memory, lean_transformers

SMALL_BYTES = 1 << 30
"""Weights up to this size are built in memory; of larger ones a second copy may not fit."""


def load_model(
    folder: str | Path, *, device: str = "cpu", dtype: str = "float32"
) -> tuple[Any, Any]:
    """Model in evaluation mode and its tokenizer, from a `transformers` folder.

    folder: holds config.json, *.safetensors and a tokenizer; dtype: float32, bfloat16 or float16.
    Raises `FileNotFoundError` or `ValueError` naming the file and the mend.
    """
    import torch

    path = Path(folder)
    config = read_config(path)
    weights = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    if not weights:
        raise FileNotFoundError(f"{path} holds no .safetensors weights; save the model there again")
    precision = getattr(torch, dtype, None)
    if not isinstance(precision, torch.dtype):
        raise ValueError(f"dtype {dtype!r} is not one of float32, bfloat16, float16")
    found = model_class(config, path)
    small = weights <= SMALL_BYTES and hasattr(found, "get_init_context")
    with built_in_memory(found) if small else nullcontext():
        model, report = found.from_pretrained(
            path,
            local_files_only=True,
            use_safetensors=True,
            dtype=precision,
            output_loading_info=True,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(
            f"the weights in {path} lack {len(missing)} tensors of {type(model).__name__} (first: "
            f"{missing[0]}); save the whole model, not an adapter or a part"
        )
    return model.to(device).eval(), load_tokenizer(path)


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a folder; the plain fast class where the folder asks for no other."""
    path = Path(folder)
    config_file = path / "tokenizer_config.json"
    wanted = _read_json(config_file).get("tokenizer_class") if config_file.exists() else None
    lean_transformers()
    if wanted in (None, "PreTrainedTokenizerFast", "TokenizersBackend"):
        if not (path / "tokenizer.json").exists():
            raise FileNotFoundError(f"{path} holds no tokenizer.json; save the tokenizer there")
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)


def read_config(folder: str | Path) -> dict[str, Any]:
    """config.json of a model folder as a dict; a missing file says so."""
    file = Path(folder) / "config.json"
    if not file.exists():
        raise FileNotFoundError(
            f"{file} does not exist; give the folder of a saved transformers model"
        )
    return _read_json(file)


def model_class(config: dict[str, Any], folder: Path) -> Any:
    """The causal-LM class that config.json names, imported alone (no tour of all architectures)."""
    lean_transformers()
    kind = str(config.get("model_type", "")).replace("-", "_")
    names = config.get("architectures") or []
    if kind and names and importlib.util.find_spec(f"transformers.models.{kind}"):
        module = importlib.import_module(f"transformers.models.{kind}.modeling_{kind}")
        found = getattr(module, names[0], None)
        if found is not None:
            return found
    if "auto_map" in config:
        raise ValueError(
            f"{folder / 'config.json'} needs remote code (auto_map), which is never run; convert "
            "the model to an architecture that transformers holds"
        )
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM


def _read_json(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{file} does not hold a JSON object")
    return content
