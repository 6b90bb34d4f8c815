"""The three ways a batch goes through a model: prompts read, answers forced, answers said.

Prompts are always read on their own, padded on the left, into a key-value cache; forced answers
(padded on the right) and greedy ones then start from that cache. So an intervention that looks at
the prompt sees exactly the prompt, and reading it is paid for once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from residue.models.encoding import pad_batch
from residue.records.queries import Query

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Prompts:
    """Prompts that were read: what the model needs to go on from their ends.

    mask: (batch, width), 1 where real; lengths: (batch,); cache: keys and values of all columns.
    """

    mask: Tensor
    lengths: Tensor
    cache: Any


def read_prompts(
    model: Any, queries: Sequence[Query], fill: int, *, every: bool
) -> tuple[Prompts, Tensor]:
    """Read prompts; logits after every real token (item by item), or after the last ones only.

    Returns the prompts and logits (positions, vocabulary).
    """
    from transformers import DynamicCache

    padded = pad_batch([query.prompt for query in queries], fill, side="left", device=model.device)
    mask = padded.mask
    wanted = mask.bool() if every else torch.zeros_like(mask, dtype=torch.bool)
    wanted[:, -1] = True
    # Without a config every layer keeps all columns, so the cache can be cut back to the prompts;
    # sliding windows are still obeyed, by the mask.
    cache = DynamicCache()
    with head_at(model, wanted):
        output = model(**padded.inputs(), past_key_values=cache, use_cache=True)
    lengths = mask.sum(dim=1)
    return Prompts(mask, lengths, cache), output.logits[0]


def force_answers(
    model: Any, prompts: Prompts, answers: Sequence[Sequence[int]], fill: int
) -> Tensor:
    """Read answers after their prompts; logits after every answer token, item by item.

    answers: ids without the end token, may be empty. Returns (Σ lengths, vocabulary). The cache is
    cut back to the prompts.
    """
    width = max(map(len, answers))
    ids = torch.full((len(answers), width), fill, dtype=torch.int64)
    for row, answer in enumerate(answers):
        ids[row, : len(answer)] = torch.tensor(answer, dtype=torch.int64)
    ids = ids.to(model.device)
    columns = torch.arange(width, device=ids.device)
    real = columns < torch.tensor([len(answer) for answer in answers], device=ids.device)[:, None]
    with head_at(model, real):
        output = model(
            input_ids=ids,
            attention_mask=torch.cat([prompts.mask, real.to(prompts.mask.dtype)], dim=1),
            position_ids=prompts.lengths[:, None] + columns,
            past_key_values=prompts.cache,
            use_cache=True,
        )
    prompts.cache.crop(-width)
    logits: Tensor = output.logits[0]
    return logits


def say_answers(
    model: Any,
    prompts: Prompts,
    first: Tensor,
    limits: Sequence[int],
    ends: frozenset[int],
) -> list[list[int]]:
    """Greedy answers after their prompts, each up to and with its end token, or to its limit.

    first: (batch,) the likeliest token after each prompt. Uses the cache up; a finished item
    leaves the batch.
    """
    said = [[int(token)] for token in first]
    going = [row for row in range(len(said)) if said[row][0] not in ends and limits[row] > 1]
    cache, mask, lengths = prompts.cache, prompts.mask, prompts.lengths
    kept = list(range(len(said)))
    while going:
        if len(going) < len(kept):
            where = {row: place for place, row in enumerate(kept)}
            chosen = torch.tensor([where[row] for row in going], device=mask.device)
            cache.batch_select_indices(chosen)
            mask, lengths, kept = mask[chosen], lengths[chosen], going
        mask = torch.cat([mask, mask.new_ones(len(kept), 1)], dim=1)
        output = model(
            input_ids=torch.tensor([[said[row][-1]] for row in kept], device=mask.device),
            attention_mask=mask,
            position_ids=lengths[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        lengths = lengths + 1
        for row, token in zip(kept, output.logits[:, -1].argmax(dim=1).tolist(), strict=True):
            said[row].append(token)
        going = [row for row in kept if said[row][-1] not in ends and len(said[row]) < limits[row]]
    return said


def select(prompts: Prompts, rows: Sequence[int]) -> Prompts:
    """The same prompts, only these rows; the cache itself is cut."""
    chosen = torch.tensor(list(rows), device=prompts.mask.device)
    prompts.cache.batch_select_indices(chosen)
    return Prompts(prompts.mask[chosen], prompts.lengths[chosen], prompts.cache)


@contextmanager
def head_at(model: Any, wanted: Tensor) -> Iterator[None]:
    """Let the unembedding see only the wanted positions, as a batch of one.

    wanted: (batch, length) bool. What the model does after its unembedding (a softcap, a scale)
    works on each logit alone and stays as it is; logits of all other places are never made.
    """

    def gather(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][wanted][None], *inputs[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(gather)
    try:
        yield
    finally:
        handle.remove()
