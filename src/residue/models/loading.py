"""Models from folders on disk: local files, safetensors, no remote code, cheap imports.

What costs is not the weights but the imports. `import transformers` reaches for `torch.distributed`,
`torch._dynamo` (and sympy) and `scipy`, none of which a one-process run on plain weights uses;
`lean_transformers` answers "not installed" to the first and last and puts the compiler off until
somebody compiles. Measured on one job that loads a small model: 3.4 CPU-s
become 1.8, of which torch alone is 0.9.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock


SMALL_BYTES = 1 << 30
"""Weights up to this size are built in memory; a second copy of more may not fit."""


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
    if not list(path.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{path} holds no .safetensors weights; save the model with safe_serialization"
        )
    precision = getattr(torch, dtype, None)
    if not isinstance(precision, torch.dtype):
        raise ValueError(f"dtype {dtype!r} is not one of float32, bfloat16, float16")
    found = model_class(config, path)
    with _built_in_memory(found, path):
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
    plain = {None, "PreTrainedTokenizerFast", "TokenizersBackend"}
    if wanted in plain and (path / "tokenizer.json").exists():
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
    name = f"transformers.models.{kind}.modeling_{kind}"
    if kind and names and importlib.util.find_spec(f"transformers.models.{kind}"):
        found = getattr(importlib.import_module(name), names[0], None)
        if found is not None:
            return found
    if "auto_map" in config:
        raise ValueError(
            f"{folder / 'config.json'} needs remote code (auto_map), which is never run; convert the "
            "model to an architecture that transformers holds"
        )
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM


def lean_peft() -> Any:
    """The `peft` package, imported with the same answers as `lean_transformers`."""
    lean_transformers()
    import torch

    with mock.patch.object(torch.distributed, "is_available", lambda: False):
        return importlib.import_module("peft")


def lean_transformers() -> None:
    """Import the modelling core of `transformers` without the packages a one-process run never uses.

    Does nothing when it is already imported. Afterwards transformers believes, for this process,
    that torch.distributed, flex attention and scipy are absent; the real packages stay importable.
    """
    if "transformers.modeling_utils" in sys.modules:
        return
    import torch

    with ExitStack() as stack:
        absent = "scipy" not in sys.modules
        if absent:
            stack.enter_context(_modules({"scipy": None}))
        stack.enter_context(mock.patch.object(torch.distributed, "is_available", lambda: False))
        stack.enter_context(_compiler_put_off())
        probes = importlib.import_module("transformers.utils.import_utils")
        # The probes remember their first answer: asking once here settles it for the process.
        probes.is_torch_distributed_available()
        if absent:
            probes.is_scipy_available()
        stack.enter_context(
            mock.patch.object(probes, "is_torch_flex_attn_available", lambda: False)
        )
        # Skips a second scan of every architecture's source; submodules import by path as ever.
        with mock.patch.object(probes, "define_import_structure", lambda *_: {}):
            importlib.import_module("transformers.models")
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        for name in ("modeling_utils", "modeling_layers", "masking_utils", "generation.utils"):
            importlib.import_module(f"transformers.{name}")


@contextmanager
def _compiler_put_off() -> Iterator[None]:
    """Stand-ins for the few names of torch's compiler that transformers touches at import.

    They only mark functions for compilation, so without a compiler the functions are themselves.
    """
    import torch

    if "torch._dynamo" in sys.modules:
        yield
        return
    package = types.ModuleType("torch._dynamo")
    package.__path__ = []
    for mark in ("assume_constant_result", "allow_in_graph"):
        setattr(package, mark, _keep)
    member = types.ModuleType("torch._dynamo._trace_wrapped_higher_order_op")
    member.TransformGetItemToIndex = _real_transform  # type: ignore[attr-defined]
    with (
        _modules({package.__name__: package, member.__name__: member}),
        mock.patch.object(torch.compiler, "disable", _keep),
    ):
        yield


@contextmanager
def _built_in_memory(found: Any, folder: Path) -> Iterator[None]:
    """Let `from_pretrained` build a small module with storage at once, unfilled.

    Its usual way is a shell without storage, which costs 0.9 CPU-s of compiler imports to save one
    copy of the weights; large models keep to it.
    """
    from transformers.initialization import no_init_weights

    if not hasattr(found, "get_init_context") or _weight_bytes(folder) > SMALL_BYTES:
        yield
        return

    usual = found.get_init_context

    def in_memory(*args: Any) -> list[Any]:
        import torch

        shell = torch.device("meta")
        return [part for part in usual(*args) if part != shell] + [no_init_weights()]

    with mock.patch.object(found, "get_init_context", in_memory):
        yield


def _weight_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


@contextmanager
def _modules(stand_ins: dict[str, types.ModuleType | None]) -> Iterator[None]:
    """Entries of sys.modules for a while; what else was imported meanwhile stays."""
    sys.modules.update(stand_ins)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _real_transform() -> Any:
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


def _keep(function: Any = None, recursive: bool = True, **_: Any) -> Any:
    return function if function is not None else (lambda inner: inner)


def _read_json(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{file} does not hold a JSON object")
    return content
