"""What a model says, reads and holds for each item of a deck, as a stream of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from residue.models.blocks import describe
from residue.models.encoding import pad_id
from residue.records import forward
from residue.records.laws import score
from residue.records.queries import Query, batches, make_queries
from residue.records.reading import Reading, read, read_others
from residue.records.store import RecordBatch
from residue.records.tables import (
    Said,
    TokenPart,
    Vectors,
    generation_table,
    row_table,
    token_part,
    token_table,
)
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

Detached = Callable[[], AbstractContextManager[Any]]
"""Opens a context whose value is the base of an edited model."""

MOST_LOGITS = 1 << 28
"""Most logits of one batch, 1 GiB in float32: a large vocabulary makes batches smaller."""

NOT_FINITE = "the model's logits are not finite"


def record(
    model: Any,
    tokenizer: Any,
    items: pd.DataFrame,
    spec: RecordsSpec,
    *,
    detached: Detached | None = None,
    batch_tokens: int = 4096,
    prefill: int = 0,
) -> Iterator[RecordBatch]:
    """Record a deck: greedy answers, teacher-forced tokens, residual rows.

    items: columns item, prompt, answers (and witness); every item gives one line of generations,
    also those that cannot be asked. Forced is the first accepted answer and the end token.
    detached: gives the base from the same load, for `kl_to_base`. batch_tokens: padded tokens per
    batch, a matter of speed: neither it, nor padding, nor the order of items, nor company in a
    batch changes an id or a rank, short of logits that tie within the rounding of the model's
    dtype; other numbers agree to that rounding. Batches come by length, then item;
    memory holds one. prefill: tokens of the accepted answer that are given with the prompt; they
    count as said. Raises `ValueError` on duplicate items or a model in training mode.
    """
    if model.training:
        raise ValueError("the model is in training mode and would record dropout; call .eval()")
    context = getattr(model.config, "max_position_embeddings", None)
    queries = make_queries(tokenizer, items, spec, context, prefill)
    recorder = _Recorder(model, tokenizer, spec, detached)
    for batch in batches(queries, min(batch_tokens, MOST_LOGITS // recorder.vocabulary)):
        yield recorder.record(batch)


class _Recorder:
    """One model on one deck; holds what does not change between batches."""

    def __init__(
        self, model: Any, tokenizer: Any, spec: RecordsSpec, detached: Detached | None
    ) -> None:
        self.model, self.tokenizer, self.spec, self.detached = model, tokenizer, spec, detached
        self.fill, self.start = pad_id(tokenizer), tokenizer.bos_token_id
        self.stops = _end_tokens(model, tokenizer)
        self.scored = spec.prompt_tokens != "none"
        self.with_laws = spec.prompt_tokens == "laws"
        architecture = describe(model)
        self.n_rows, self.width = architecture.n_blocks + 1, architecture.width
        self.vocabulary = int(architecture.unembedding.weight.shape[0])

    @torch.inference_mode()
    def record(self, batch: Sequence[Query]) -> RecordBatch:
        """All records of one batch."""
        asked = [query for query in batch if query.fits]
        names = [query.item for query in asked]
        said: dict[str, Said] = {}
        parts: list[TokenPart] = []
        vectors: list[Vectors] = []
        if asked:
            reading = read(
                self.model, asked, self.spec.places, self.fill, self.start, every=self.scored
            )
            parts, likeliest = self._score(asked, reading)
            said = dict(zip(names, self._say(asked, reading, likeliest), strict=True))
            vectors = reading.vectors
        return RecordBatch(
            generation_table(
                [query.item for query in batch],
                [said.get(query.item) or Said((), "", "too_long", query.reason) for query in batch],
            ),
            token_table(names, parts),
            row_table(names, vectors, self.n_rows, self.width),
        )

    def _score(self, queries: Sequence[Query], reading: Reading) -> tuple[list[TokenPart], Tensor]:
        """Token parts, and the likeliest token at each answer position."""
        base = None
        if self.detached is not None:
            with self.detached() as model:
                base = read(model, queries, (), self.fill, self.start, every=self.with_laws)
        parts = []
        if reading.prompts is not None:
            texts = [query.prompt for query in queries]
            targets = _ids([text[1:] for text in texts], reading.ends.device)
            scores = score(
                reading.prompts,
                targets,
                law=self.with_laws,
                base_logits=None if base is None else base.prompts,
            )
            parts.append(token_part("prompt", texts, scores.numbers(), unpredicted=1))
        answers = [query.answer for query in queries]
        scores = score(
            reading.answers,
            _ids(answers, reading.ends.device),
            law=True,
            base_logits=None if base is None else base.answers,
        )
        parts.append(token_part("answer", answers, scores.numbers(), unpredicted=0))
        parts += self._wrong(queries, reading)
        return parts, reading.answers.argmax(dim=1)

    def _wrong(self, queries: Sequence[Query], reading: Reading) -> list[TokenPart]:
        """How likely the wrong answers are, one part for the k-th of each item."""
        parts = []
        for k in range(max(len(query.wrong) for query in queries)):
            texts = [query.wrong[k] if k < len(query.wrong) else () for query in queries]
            logits = read_others(self.model, reading, texts, self.fill)
            scores = score(logits, _ids(texts, logits.device), law=False)
            parts.append(token_part(f"distractor-{k}", texts, scores.numbers(), unpredicted=0))
        return parts

    def _say(self, queries: Sequence[Query], reading: Reading, likeliest: Tensor) -> list[Said]:
        """Greedy answers. Where the forced answer is the likeliest at each step, it is the greedy
        answer, by induction over its tokens; all others are said token by token."""
        # A token may be forbidden (-inf), but a law needs a finite normaliser.
        failed = (~reading.ends.logsumexp(dim=1).isfinite()).tolist()
        guesses = np.split(
            likeliest.cpu().numpy(), np.cumsum([len(query.answer) for query in queries])[:-1]
        )
        said: list[list[int]] = [[] for _ in queries]
        open_rows = []
        for row, (query, guess) in enumerate(zip(queries, guesses, strict=True)):
            forced_is_greedy = query.answer and tuple(guess) == query.answer
            if forced_is_greedy and not self.stops.intersection(query.answer[:-1]):
                said[row] = list(query.answer)
            elif not failed[row]:
                open_rows.append(row)
        if open_rows:
            spoken = forward.say_answers(
                self.model,
                forward.select(reading.state, open_rows),
                reading.ends[open_rows].argmax(dim=1),
                [queries[row].limit for row in open_rows],
                self.stops,
            )
            for row, ids in zip(open_rows, spoken, strict=True):
                said[row] = ids
        return self._outcomes(queries, said, failed)

    def _outcomes(
        self, queries: Sequence[Query], said: Sequence[list[int]], failed: Sequence[bool]
    ) -> list[Said]:
        ended = [bool(ids) and ids[-1] in self.stops for ids in said]
        spoken = [ids[:-1] if end else ids for ids, end in zip(said, ended, strict=True)]
        kept = [(*query.given, *ids) for query, ids in zip(queries, spoken, strict=True)]
        texts = self.tokenizer.batch_decode(
            [list(ids) for ids in kept],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
        outcomes = []
        for query, ids, text, end, fault in zip(queries, kept, texts, ended, failed, strict=True):
            if fault:
                outcomes.append(Said((), "", "failed", NOT_FINITE))
            else:
                stop = "length" if not end else "eos" if ids else "empty"
                outcomes.append(Said(ids, text, stop, query.reason))
        return outcomes


def _ids(texts: Sequence[Sequence[int]], device: Any) -> Tensor:
    return torch.tensor([token for text in texts for token in text], device=device).long()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's, and those the model was told to stop at."""
    settings = getattr(model, "generation_config", None)
    told = getattr(settings, "eos_token_id", None)
    told = told if isinstance(told, (list, tuple)) else [told]
    ends = {token for token in (tokenizer.eos_token_id, *told) if token is not None}
    return frozenset(ends)
