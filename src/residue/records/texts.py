"""Rows of every token of the texts of a corpus, in one pass of a model without its head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from residue.models.blocks import describe, row_hooks
from residue.models.encoding import encode_answers, encode_prompts, pad_batch, pad_id
from residue.records.stream import stream_schema

if TYPE_CHECKING:
    import pandas as pd

TEXTS_AT_A_TIME = 256
"""Texts that are encoded and sorted by length together; padding is then little."""


@dataclass(frozen=True)
class Text:
    """One text as ids, the start token first where there is one."""

    name: str
    split: str
    ids: tuple[int, ...]
    first: int
    """Position of the first token that counts: 1 after a start token, else 0."""


def record_texts(
    model: Any,
    tokenizer: Any,
    corpus: pd.DataFrame,
    most: Mapping[str, int],
    rows: Sequence[int],
    *,
    batch_tokens: int = 4096,
) -> Iterator[pa.Table]:
    """Tables with the schema of `stream_schema(rows, width)`, one per batch.

    corpus: as from `world.corpus`; most: tokens of each split at most, texts taken in order while
    they fit; rows: none stands for all. A text longer than the model's context is cut. Neither the
    end token nor the start token is kept: nothing is read off the one, and the other is the same
    everywhere. Raises `ValueError` for a row that the model does not have.
    """
    import torch

    architecture = describe(model)
    kept = list(rows) or list(range(architecture.n_blocks + 1))
    beyond = [row for row in kept if not 0 <= row <= architecture.n_blocks]
    if beyond:
        raise ValueError(
            f"row {beyond[0]} does not exist: the model has rows 0 to {architecture.n_blocks}; "
            "mend streams.sae.rows"
        )
    schema = stream_schema(kept, architecture.width)
    context = getattr(model.config, "max_position_embeddings", None)
    texts = _taken(encoded(tokenizer, corpus, context), most)
    while together := list(islice(texts, TEXTS_AT_A_TIME)):
        for batch in _batches(together, batch_tokens):
            with torch.inference_mode(), row_hooks(model) as held:
                padded = pad_batch(
                    [text.ids for text in batch], pad_id(tokenizer), device=str(model.device)
                )
                model.base_model(**padded.inputs(), use_cache=False)
                yield _table(batch, [held[row] for row in kept], schema)


def encoded(tokenizer: Any, corpus: pd.DataFrame, context: int | None) -> Iterator[Text]:
    """The texts of a corpus in its order, cut to the context; those without tokens are left out."""
    start = int(tokenizer.bos_token_id is not None)
    for at in range(0, len(corpus), TEXTS_AT_A_TIME):
        part = corpus.iloc[at : at + TEXTS_AT_A_TIME]
        pairs = list(zip(part["document"], part["answer"], strict=True))
        whole = [doc[: len(doc) - len(answer) - 1] if answer else doc for doc, answer in pairs]
        prompts = encode_prompts(tokenizer, whole)
        answers = encode_answers(tokenizer, [answer for _, answer in pairs])
        for name, split, (_, said), prompt, answer in zip(
            part["text"], part["split"], pairs, prompts, answers, strict=True
        ):
            ids = [*prompt, *(answer[:-1] if said else [])][:context]
            if len(ids) > start:
                yield Text(str(name), str(split), tuple(ids), start)


def _taken(texts: Iterator[Text], most: Mapping[str, int]) -> Iterator[Text]:
    """Texts of each split in order, up to the first that would exceed what is asked."""
    left = dict(most)
    for text in texts:
        left[text.split] -= len(text.ids) - text.first
        if left[text.split] >= 0:
            yield text
        else:
            left[text.split] = -1


def _batches(texts: Sequence[Text], batch_tokens: int) -> Iterator[list[Text]]:
    """Texts of one split and of like length, at most `batch_tokens` padded places (or one text)."""
    splits = dict.fromkeys(text.split for text in texts)
    for split in splits:
        ordered = sorted((t for t in texts if t.split == split), key=lambda text: -len(text.ids))
        while ordered:
            count = max(1, batch_tokens // len(ordered[0].ids))
            yield ordered[:count]
            ordered = ordered[count:]


def _table(batch: Sequence[Text], rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    lengths = [len(text.ids) - text.first for text in batch]
    owner = np.repeat(np.arange(len(batch)), lengths)
    owners = [text for text, length in zip(batch, lengths, strict=True) for _ in range(length)]
    position = np.concatenate([np.arange(text.first, len(text.ids)) for text in batch])
    vectors = [row.float().cpu().numpy()[owner, position] for row in rows]
    width = vectors[0].shape[1]
    return pa.table(
        [
            pa.array([text.name for text in owners], pa.string()),
            pa.array(position.astype(np.int32)),
            pa.array([text.ids[p] for text, p in zip(owners, position, strict=True)], pa.int32()),
            pa.array([text.split for text in owners], pa.string()),
            *(pa.FixedSizeListArray.from_arrays(each.ravel(), width) for each in vectors),
        ],
        schema=schema,
    )
