"""Cheaper imports: `transformers` and `peft` without what one process on plain weights never uses.

What a short model job costs is not its weights but its imports. `transformers` reaches for
`torch.distributed`, `torch._dynamo` (with sympy) and `scipy`. Here it is told that the first and
the last are absent, and the compiler is put off until somebody compiles. Measured on one job that
loads a small model: 3.4 CPU-s become 1.8, of which torch alone is 0.9.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


def lean_transformers() -> None:
    """Import the modelling core of `transformers`; does nothing when it is already imported.

    Afterwards transformers believes, for this process, that torch.distributed, flex attention and
    (unless already imported) scipy are absent. The real packages stay importable.
    """
    if "transformers.modeling_utils" in sys.modules:
        return
    import torch

    with ExitStack() as stack:
        scipy_absent = "scipy" not in sys.modules
        if scipy_absent:
            stack.enter_context(_modules({"scipy": None}))
        stack.enter_context(replaced(torch.distributed, "is_available", _no))
        stack.enter_context(_compiler_put_off())
        probes = importlib.import_module("transformers.utils.import_utils")
        # The probes remember their first answer: asking once here settles it for the process.
        probes.is_torch_distributed_available()
        if scipy_absent:
            probes.is_scipy_available()
        stack.enter_context(replaced(probes, "is_torch_flex_attn_available", _no))
        # Skips a second scan of every architecture's source; submodules import by path as ever.
        with replaced(probes, "define_import_structure", lambda *_: {}):
            importlib.import_module("transformers.models")
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
        for name in ("modeling_utils", "modeling_layers", "masking_utils", "generation.utils"):
            importlib.import_module(f"transformers.{name}")


def lean_peft() -> Any:
    """The `peft` package, imported with the same answers as `lean_transformers`.

    It also believes that bitsandbytes is absent, whose import costs 2 CPU-s and which serves layers
    of rounded weights alone; ours are rounded without it. bitsandbytes itself stays importable.
    """
    lean_transformers()
    import torch

    if "peft" in sys.modules:
        return sys.modules["peft"]
    with ExitStack() as stack:
        stack.enter_context(replaced(torch.distributed, "is_available", _no))
        if "bitsandbytes" not in sys.modules:
            stack.enter_context(_modules({"bitsandbytes": None}))
        peft = importlib.import_module("peft")
        probes = importlib.import_module("peft.import_utils")
        # The probes remember their first answer.
        probes.is_bnb_available()
        probes.is_bnb_4bit_available()
        return peft


@contextmanager
def built_in_memory(model_class: Any) -> Iterator[None]:
    """Let `model_class.from_pretrained` build the module with storage at once, unfilled.

    Its usual way is a shell without storage, which costs 0.9 CPU-s of compiler imports to save one
    copy of the weights: right for large models only.
    """
    import torch
    from transformers.initialization import no_init_weights

    usual = model_class.get_init_context
    shell = torch.device("meta")

    def in_memory(*args: Any) -> list[Any]:
        return [part for part in usual(*args) if part != shell] + [no_init_weights()]

    with replaced(model_class, "get_init_context", in_memory):
        yield


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of a module or class, replaced for a while."""
    missing = object()
    own = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


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
        setattr(package, mark, _unmarked)
    member = types.ModuleType("torch._dynamo._trace_wrapped_higher_order_op")
    vars(member)["TransformGetItemToIndex"] = _real_transform
    with (
        _modules({package.__name__: package, member.__name__: member}),
        replaced(torch.compiler, "disable", _unmarked),
    ):
        yield


@contextmanager
def _modules(stand_ins: dict[str, types.ModuleType | None]) -> Iterator[None]:
    """Entries of sys.modules for a while; what else is imported meanwhile stays."""
    sys.modules.update(stand_ins)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _real_transform() -> Any:
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


def _unmarked(function: Any = None, recursive: bool = True, **_: Any) -> Any:
    return function if function is not None else (lambda inner: inner)


def _no() -> bool:
    return False
