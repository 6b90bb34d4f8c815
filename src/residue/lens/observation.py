"""What a model really computes on a few prompts: rows, sums, norms and logits.

Everything is taken from its own modules by hooks during one forward pass, as the model runs, edits
included; the second forward pass is a second call of the model. `residue.lens.selftest` judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from residue.models.blocks import Architecture, describe, row_hooks
from residue.models.encoding import pad_batch

if TYPE_CHECKING:
    from torch import Tensor, nn

Array = NDArray[np.float32]

A_FEW = 16
"""Prompts of a self-test."""


@dataclass(frozen=True)
class Observation:
    """Real positions of all prompts in a row, as float32; n blocks, t tokens, width d."""

    model_type: str
    dtype: str
    """Of the model's weights, e.g. `float32`."""
    device: str
    rows: Array
    """(n + 1, t, d), by the hooks that records are made with."""
    outputs: Array
    """(n, t, d): the blocks' outputs."""
    added: Array
    """(n, t, d): the sum of what a block's sublayers add to its input."""
    normed: Array
    """(n + 1, t, d): outputs of the norms at the input of each block, then of the final norm."""
    embedded: Array
    """(t, d): stored embeddings of the tokens, unscaled."""
    positions: Array | None
    """(t, d): learned positions, where the model adds any to the embeddings."""
    logits: Array
    """(t, vocabulary): the model's own."""
    again: Array
    """(t, vocabulary): of a second forward pass."""


def a_few(prompts: Sequence[str]) -> list[str]:
    """Up to sixteen prompts, evenly spread over a deck."""
    places = np.linspace(0, len(prompts) - 1, min(A_FEW, len(prompts))).round().astype(int)
    return [prompts[place] for place in places]


@torch.inference_mode()
def observe(model: Any, prompts: Sequence[Sequence[int]], fill: int) -> Observation:
    """Run a model on prompts in ids, twice. fill: id of padded places (`encoding.pad_id`).

    `ArchitectureError` where the model's parts cannot be found; `ValueError` in training mode.
    """
    if model.training:
        raise ValueError("the model is in training mode and would show dropout; call .eval()")
    architecture = describe(model)
    padded = pad_batch(prompts, fill, device=model.device)
    real = padded.mask.bool()
    with _outputs(architecture) as seen, row_hooks(model) as rows:
        logits = model(**padded.inputs(), use_cache=False).logits[real]
        held = rows.stacked()[:, real]
        parts = {name: torch.stack(values)[:, real].float() for name, values in seen.items()}
    again = model(**padded.inputs(), use_cache=False).logits[real]
    added = parts["added"].unflatten(0, (architecture.n_blocks, -1)).sum(dim=1)
    learnt = architecture.positions
    return Observation(
        model_type=str(model.config.model_type),
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        device=model.device.type,
        rows=_array(held),
        outputs=_array(parts["blocks"]),
        added=_array(added),
        normed=_array(parts["norms"]),
        embedded=_array(_weight(architecture.embedding)[padded.ids[real]]),
        positions=None if learnt is None else _array(_weight(learnt)[padded.positions[real]]),
        logits=_array(logits),
        again=_array(again),
    )


@contextmanager
def _outputs(architecture: Architecture) -> Iterator[dict[str, list[Tensor]]]:
    """Outputs of the blocks, of the modules that they add, and of their norms, by place."""
    watched: dict[str, tuple[nn.Module, ...]] = {
        "blocks": architecture.blocks,
        "added": tuple(module for parts in architecture.added for module in parts),
        "norms": (*architecture.block_norms, architecture.final_norm),
    }
    seen = {name: [torch.empty(0)] * len(modules) for name, modules in watched.items()}
    handles = [
        module.register_forward_hook(_keeper(seen[name], place))
        for name, modules in watched.items()
        for place, module in enumerate(modules)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _keeper(store: list[Tensor], place: int) -> Callable[..., None]:
    def keep(_: Any, __: Any, output: Any) -> None:
        store[place] = (output[0] if isinstance(output, tuple) else output).detach()

    return keep


def _weight(module: nn.Module) -> Tensor:
    return module.get_parameter("weight")


def _array(values: Tensor) -> Array:
    held: Array = values.detach().float().cpu().numpy()
    return held
