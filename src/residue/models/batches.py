"""Training text as batches: documents drawn in pools, sorted by length, cut, shuffled.

A pool depends on the seed, its number and the progress at its start alone, so a resumed run draws
the same batches without any saved generator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from residue.models.encoding import encode_answers, encode_prompts, pad_id
from residue.specs.pretrain import PretrainSpec

if TYPE_CHECKING:
    from torch import Tensor


class Text(Protocol):
    """What training needs of a document."""

    @property
    def prompt(self) -> str: ...

    @property
    def answer(self) -> str: ...

    @property
    def kind(self) -> str: ...


Draw = Callable[[float, int, np.random.Generator], Sequence[Text]]
"""(progress in [0, 1], number of documents, generator) → documents."""


@dataclass(frozen=True)
class Batch:
    """Right-padded inputs and the places that are learnt, answers first.

    `ids` (documents, length); `places` index the flattened (documents · length) positions whose
    next token is a target; `owners` gives each answer place its document.
    """

    ids: Tensor
    places: Tensor
    targets: Tensor
    owners: Tensor
    documents: tuple[Text, ...]

    @property
    def answers(self) -> int:
        """Number of answer places, which come first in `places`."""
        return len(self.owners)


@dataclass(frozen=True)
class Pool:
    """The batches of one draw, in the order of training."""

    batches: tuple[Batch, ...]
    digest: str
    """Of the token ids; a resumed run must find the same."""


def draw_pool(
    draw: Draw, tokenizer: Any, spec: PretrainSpec, seed: int, number: int, progress: float
) -> Pool:
    """Pool `number` of a run; each batch has at most `spec.batch_tokens` padded places."""
    rng = np.random.default_rng([seed, number])
    documents = draw(progress, spec.pool_documents, rng)
    prompts = encode_prompts(tokenizer, [document.prompt for document in documents])
    answers = encode_answers(tokenizer, [document.answer for document in documents])
    lengths = [
        len(prompt) + len(answer) - 1 for prompt, answer in zip(prompts, answers, strict=True)
    ]
    order = sorted(range(len(documents)), key=lambda index: -lengths[index])
    chosen = rng.random(sum(map(len, prompts))) < spec.prompt_share
    ends = np.cumsum([len(prompt) for prompt in prompts])
    batches = []
    start = 0
    while start < len(order):
        count = max(1, spec.batch_tokens // lengths[order[start]])
        batch = [
            _Row(documents[i], prompts[i], answers[i], chosen[ends[i] - len(prompts[i]) : ends[i]])
            for i in order[start : start + count]
        ]
        batches.append(_batch(batch, pad_id(tokenizer)))
        start += count
    digest = hashlib.sha256(repr((prompts, answers)).encode()).hexdigest()
    shuffled = tuple(batches[index] for index in rng.permutation(len(batches)))
    return Pool(batches=shuffled, digest=digest)


@dataclass(frozen=True)
class _Row:
    document: Text
    prompt: list[int]
    answer: list[int]
    chosen: np.ndarray[Any, np.dtype[np.bool_]]


def _batch(rows: Sequence[_Row], fill: int) -> Batch:
    import torch

    width = max(len(row.prompt) + len(row.answer) - 1 for row in rows)
    ids = np.full((len(rows), width + 1), fill, dtype=np.int64)
    answer_places: list[int] = []
    prompt_places: list[int] = []
    owners: list[int] = []
    for index, row in enumerate(rows):
        whole = [*row.prompt, *row.answer]
        ids[index, : len(whole)] = whole
        first = index * width + len(row.prompt) - 1
        answer_places += range(first, first + len(row.answer))
        owners += [index] * len(row.answer)
        # Place t predicts token t + 1, so the last prompt token's place belongs to the answer.
        prompt_places += (index * width + np.flatnonzero(row.chosen[:-1])).tolist()
    places = torch.tensor(answer_places + prompt_places)
    return Batch(
        ids=torch.from_numpy(np.ascontiguousarray(ids[:, :-1])),
        places=places,
        targets=torch.from_numpy(np.ascontiguousarray(ids[:, 1:])).view(-1)[places],
        owners=torch.tensor(owners),
        documents=tuple(row.document for row in rows),
    )
