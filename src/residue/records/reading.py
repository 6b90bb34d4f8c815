"""One teacher-forced reading of a batch: laws where tokens are predicted, rows where kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from residue.models.blocks import row_hooks
from residue.records.forward import Prompts, force_answers, read_prompts
from residue.records.queries import Query
from residue.records.tables import Vectors
from residue.records.vectors import answer_vectors, prompt_vectors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """Logits (positions, vocabulary), item by item, and rows; `state` lets the model go on.

    prompts: within prompts, predicting every token but the first; None if not asked for.
    ends: after each prompt. answers: predicting every token of the answers that there are.
    """

    prompts: Tensor | None
    ends: Tensor
    answers: Tensor
    vectors: list[Vectors]
    state: Prompts


def read(
    model: Any,
    queries: Sequence[Query],
    places: Sequence[str],
    fill: int,
    start: int | None,
    *,
    every: bool,
) -> Reading:
    """Read prompts, then the forced answers from their cache.

    places: where rows are kept; fill: id of padded places; start: the tokenizer's start token;
    every: whether laws within prompts are wanted.
    """
    forced = [query.answer[:-1] for query in queries]
    vectors: list[Vectors] = []
    with row_hooks(model) if places else nullcontext(None) as rows:
        state, logits = read_prompts(model, queries, fill, every=every)
        if rows is not None:
            texts = [query.prompt for query in queries]
            vectors += prompt_vectors(rows, state.mask, texts, places, start)
        inside = logits[:0]
        if any(forced):
            inside = force_answers(model, state, forced, fill)
            if rows is not None:
                vectors += answer_vectors(rows, forced, places)
    vectors.sort(key=lambda each: places.index(each.place))
    lengths = [len(query.prompt) for query in queries]
    last = np.cumsum(lengths) - 1 if every else np.arange(len(queries))
    ends = logits[torch.from_numpy(last).to(logits.device)]
    whole = [query.answer for query in queries]
    answers = torch.cat([ends, inside])[_answer_order(whole, ends.device)]
    return Reading(_without(logits, last) if every else None, ends, answers, vectors, state)


def read_others(
    model: Any, reading: Reading, answers: Sequence[Sequence[int]], fill: int
) -> Tensor:
    """Logits predicting every token of other answers to prompts that were read, item by item.

    answers: ids with the end token, one per prompt, empty where there is none.
    """
    forced = [answer[:-1] for answer in answers]
    ends = reading.ends
    inside = force_answers(model, reading.state, forced, fill) if any(forced) else ends[:0]
    return torch.cat([ends, inside])[_answer_order(answers, ends.device)]


def _answer_order(answers: Sequence[Sequence[int]], device: Any) -> Tensor:
    """Where the laws of all answer tokens lie in the ends followed by the insides."""
    order: list[int] = []
    start = len(answers)
    for row, answer in enumerate(answers):
        if answer:
            order += [row, *range(start, start + len(answer) - 1)]
            start += len(answer) - 1
    return torch.tensor(order, dtype=torch.int64, device=device)


def _without(logits: Tensor, rows: np.ndarray) -> Tensor:
    kept = np.ones(len(logits), bool)
    kept[rows] = False
    return logits[torch.from_numpy(kept).to(logits.device)]
