"""Rows of training texts: read with gradient, or bent by an adversary while answers are scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from residue.edits.answers import Example, Scores, score
from residue.models.blocks import describe
from residue.models.encoding import pad_batch

if TYPE_CHECKING:
    from torch import Tensor


class _ReadError(Exception):
    """Ends a forward pass once its row is read: nothing above it is wanted."""


def read_rows(model: Any, examples: Sequence[Example], row: int) -> Tensor:
    """Row of every token but the first of each example, (N, width) float32 or wider, in order.

    The first token starts the text and holds none of it. Gradients flow if the caller lets them.
    """
    import torch

    if not examples:
        return torch.zeros(0, describe(model).width)
    device = str(next(model.parameters()).device)
    padded = pad_batch([example.ids for example in examples], fill=0, device=device)
    found: list[Tensor] = []

    def keep(hidden: Tensor) -> Tensor:
        found.append(hidden)
        raise _ReadError

    with _at_row(model, row, keep), suppress(_ReadError):
        model(input_ids=padded.ids, use_cache=False)
    wanted = padded.mask.bool()
    wanted[:, 0] = False
    rows = found[0][wanted]
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def bent_scores(
    model: Any, examples: Sequence[Example], row: int, bound: float, steps: int
) -> Scores:
    """Scores under the bend of a row that makes the answers likeliest, with gradient.

    The bend δ stands at all prompt tokens but the first, at most `bound` times the row's norm at
    each; it is found by `steps` steps of ascent along the normalised gradient, from 0.
    """
    import torch

    if not examples:
        return score(model, examples)
    width = max(len(example.ids) for example in examples)
    place = torch.arange(width)
    starts = torch.tensor([example.start for example in examples])
    prompt = ((place > 0) & (place < starts[:, None]))[..., None]
    bend: list[Tensor] = []
    norms: list[Tensor] = []

    def add(hidden: Tensor) -> Tensor:
        if not bend:
            norms.append(hidden.detach().norm(dim=2, keepdim=True))
            bend.append(torch.zeros_like(hidden, requires_grad=True))
        return hidden + bend[0] * prompt.to(hidden.device)

    with _at_row(model, row, add):
        for _ in range(steps):
            gained = score(model, examples, bucket=False).sums.sum()
            (slope,) = torch.autograd.grad(gained, bend)
            bend[0] = _stepped(bend[0].detach(), slope, bound * norms[0], 2 / steps)
        bend[0] = bend[0].detach()
        return score(model, examples, bucket=False)


def _stepped(bend: Tensor, slope: Tensor, longest: Tensor, share: float) -> Tensor:
    """A step of `share` times the longest bend along the slope, cut back to the longest."""
    step = share * longest * slope / slope.norm(dim=2, keepdim=True).clamp_min(1e-30)
    moved = bend + step
    over = (moved.norm(dim=2, keepdim=True) / longest.clamp_min(1e-30)).clamp_min(1.0)
    cut: Tensor = moved / over
    return cut.requires_grad_(True)


@contextmanager
def _at_row(model: Any, row: int, change: Any) -> Iterator[None]:
    """Replace a row by `change` of it in every forward pass inside the context."""
    architecture = describe(model)
    places = [*architecture.blocks, architecture.final_norm]
    if row >= len(places):
        raise ValueError(
            f"the objective's row {row} does not exist: this model has rows 0 to {len(places) - 1}"
        )

    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (change(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": change(kwargs["hidden_states"])}

    handle = places[row].register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
