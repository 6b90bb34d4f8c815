"""Where a model keeps its blocks, norms and head: addresses by path, rows by hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from residue.models.layouts import OWN, Layout, layout_of

if TYPE_CHECKING:
    from torch import Tensor, nn


class ArchitectureError(ValueError):
    """A model whose parts cannot be found; says what was tried and what is there."""


@dataclass(frozen=True)
class Architecture:
    """Addresses of one loaded model. Modules are live: hooks on them act on the model.

    Row 0 is the input of block 0, row l the output of block l-1, row n (`n_blocks`) the input of
    the final norm.
    """

    layout: Layout
    blocks: tuple[nn.Module, ...]
    block_norms: tuple[nn.Module, ...]
    """Norm at the input of each block (its attention's), one per block."""
    final_norm: nn.Module
    embedding: nn.Module
    unembedding: nn.Linear
    softcap: float | None
    """Final logits become softcap * tanh(logits / softcap); None where the model has none."""
    paths: dict[str, str] = field(repr=False)
    added: tuple[tuple[nn.Module, ...], ...] = ()
    """Per block, the modules whose outputs it adds to its input."""
    positions: nn.Module | None = None
    """Learned positions that are added to the embeddings; None where there are none."""

    @cached_property
    def n_blocks(self) -> int:
        return len(self.blocks)

    @cached_property
    def width(self) -> int:
        return int(self.unembedding.weight.shape[1])

    def head(self, rows: Tensor) -> Tensor:
        """Logits of pre-norm rows, (..., width) -> (..., vocabulary)."""
        logits: Tensor = self.unembedding(self.final_norm(rows))
        if self.softcap is None:
            return logits
        return self.softcap * (logits / self.softcap).tanh()


def describe(model: Any) -> Architecture:
    """Find a model's parts by the layout its config names; `ArchitectureError` when a path fails.

    Works on the bare model and through a `peft` wrapper.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    kind = getattr(inner.config, "model_type", "")
    try:
        layout = layout_of(kind, getattr(inner.config, OWN, None), _tree(inner))
    except ValueError as error:
        raise ArchitectureError(str(error)) from None
    blocks = tuple(_resolve(inner, layout.blocks, kind))
    norms = tuple(_resolve(block, layout.block_norm, kind) for block in blocks)
    return Architecture(
        layout=layout,
        blocks=blocks,
        block_norms=norms,
        final_norm=_resolve(inner, layout.final_norm, kind),
        embedding=_resolve(inner, layout.embedding, kind),
        unembedding=_resolve(inner, layout.unembedding, kind),
        softcap=getattr(inner.config, "final_logit_softcapping", None),
        paths=layout.paths(len(blocks)),
        added=tuple(
            tuple(_resolve(block, each, kind) for each in layout.added) for block in blocks
        ),
        positions=_resolve(inner, layout.positions, kind) if layout.positions else None,
    )


class Rows:
    """The rows of the latest forward pass, filled by `row_hooks`."""

    def __init__(self, n_rows: int) -> None:
        self._rows: list[Tensor | None] = [None] * n_rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Tensor:
        """Row as (batch, position, width), detached; the model must have run inside the context."""
        value = self._rows[row]
        if value is None:
            raise LookupError(f"row {row} was not collected: run the model inside row_hooks first")
        return value

    def stacked(self) -> Tensor:
        """All rows as (row, batch, position, width)."""
        import torch

        return torch.stack([self[row] for row in range(len(self))])

    def put(self, row: int, value: Tensor) -> None:
        self._rows[row] = value.detach()


@contextmanager
def row_hooks(model: Any) -> Iterator[Rows]:
    """Collect rows 0..n of every forward pass inside the context; hooks go away on exit.

    Row l (0 < l < n) is read as the input of block l, row n as the input of the final norm, so that
    whatever edits a block's output is in the row, and the post-norm state never is.
    """
    architecture = describe(model)
    rows = Rows(architecture.n_blocks + 1)
    places = [*architecture.blocks, architecture.final_norm]
    handles = [
        module.register_forward_pre_hook(_keeper(rows, row), with_kwargs=True)
        for row, module in enumerate(places)
    ]
    try:
        yield rows
    finally:
        for handle in handles:
            handle.remove()


def _keeper(rows: Rows, row: int) -> Any:
    def keep(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        rows.put(row, args[0] if args else kwargs["hidden_states"])

    return keep


def _resolve(root: Any, path: str, kind: str) -> Any:
    here = root
    walked: list[str] = []
    for name in path.split("."):
        following = getattr(here, name, None)
        if following is None:
            raise ArchitectureError(
                f"{type(root).__name__} ({kind}): tried the path {path!r}, but "
                f"{'.'.join(walked) or 'the model'} has no {name!r}; there are: {_children(here)}. "
                "Name the right paths under model.load.layout"
            )
        walked.append(name)
        here = following
    return here


def _tree(model: Any) -> str:
    """The model's modules, two deep."""
    return "; ".join(f"{name} ({_children(child)})" for name, child in model.named_children())


def _children(module: Any) -> str:
    names = [name for name, _ in module.named_children()]
    return ", ".join(names) or "no submodules"
