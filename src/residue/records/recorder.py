"""What a model says, reads and holds for each item of a deck, as a stream of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch

from residue.models.blocks import Rows, row_hooks
from residue.models.encoding import pad_id
from residue.records import forward, tables
from residue.records.laws import Scores, score
from residue.records.queries import Query, batches, make_queries
from residue.records.store import RecordBatch
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

Detached = Callable[[], AbstractContextManager[Any]]
"""Opens a context whose value is the base of an edited model, e.g. `OpenArm.detached`."""

MOST_LOGITS = 1 << 28
"""Most logits of one batch, 1 GiB in float32: a large vocabulary makes batches smaller."""


def record(
    model: Any,
    tokenizer: Any,
    items: pd.DataFrame,
    spec: RecordsSpec,
    *,
    detached: Detached | None = None,
    batch_tokens: int = 4096,
) -> Iterator[RecordBatch]:
    """Record a deck: greedy answers, teacher-forced tokens, residual rows.

    items: columns item, prompt, answers (and witness); every item gives one line of generations,
    also those that cannot be asked. Forced is the first accepted answer and the end token.
    detached: gives the base from the same load, for `kl_to_base`. batch_tokens: padded tokens per
    batch, a matter of speed: neither it, nor padding, nor the order of items, nor company in a
    batch changes an id or a rank, and numbers agree to rounding. Batches come by length, then item;
    memory holds one. Raises `ValueError` on duplicate items or a model in training mode.
    """
    if model.training:
        raise ValueError("the model is in training mode and would record dropout; call .eval()")
    context = getattr(model.config, "max_position_embeddings", None)
    queries = make_queries(tokenizer, items, spec, context)
    room = min(batch_tokens, MOST_LOGITS // model.config.vocab_size)
    recorder = _Recorder(model, tokenizer, spec, detached)
    for batch in batches(queries, room):
        yield recorder.record(batch)


@dataclass(frozen=True)
class _Read:
    """A teacher-forced pass. Laws are (positions, vocabulary), item by item.

    ends: after the last prompt token; inside: after every answer token but the last (the end
    token); before: within prompts, predicting every token but the first, None if not asked for.
    """

    ends: Tensor
    inside: Tensor
    before: Tensor | None
    prompts: forward.Prompts


class _Recorder:
    """One model on one deck; holds what does not change between batches."""

    def __init__(
        self, model: Any, tokenizer: Any, spec: RecordsSpec, detached: Detached | None
    ) -> None:
        self.model, self.tokenizer, self.spec, self.detached = model, tokenizer, spec, detached
        self.fill = pad_id(tokenizer)
        self.stops = _end_tokens(model, tokenizer)

    @torch.inference_mode()
    def record(self, batch: Sequence[Query]) -> RecordBatch:
        asked = [query for query in batch if query.fits]
        width, n_rows = _shape(self.model)
        generations = tables.unasked(query for query in batch if not query.fits)
        if not asked:
            return tables.assemble(generations, [], [], n_rows, width)
        rows = tables.RowTable(self.spec.places, self.tokenizer.bos_token_id)
        read = self._read(self.model, asked, rows)
        base = self._read_base(asked)
        tokens, finite, likeliest = self._scores(asked, read, base)
        said = self._say(asked, read, likeliest)
        ...
