"""Rows of one model put into another: what of an answer survives, row by row.

The target, the base, reads an item's prompt and its answer. At one row its vectors are replaced by
those of a source at the positions that predict the answer's tokens (the last of the prompt, and of
the answer all but the last), and the answer's mean log-probability is read. What is lost is what
the source's row does not carry (activation patching: Meng et al. 2022, arXiv 2202.05262).
`residue.lens.patched_depth` makes a score of it.

As published (arXiv 2605.24614, repository gnueaj/unlearning-depth-score): positions, mean over the
answer's tokens, rows behind each block, hidden states of the whole text from one source. Otherwise:
- The last row is the input of the final norm. The published code takes the library's last hidden
  state, which is normalised already, and the target then normalises it twice.
- The whole answer counts, its end token apart; there, only a marked entity does.
- The oracle here is pretrained on its own, there fine-tuned from the same model. Where its rows
  have drifted from the base's, S1 holds that drift too and the score of an arm, whose rows have
  not, is too low; what patching takes from facts that the oracle does know shows by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from residue.lens.patched_depth import UNKNOWN
from residue.models.blocks import describe, row_hooks
from residue.models.chat import prompt_ids
from residue.records.forward import force_answers, head_at, read_prompts
from residue.records.queries import Query, batches, make_queries
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

AT_ONCE = 4096
"""Padded tokens of a batch."""
MOST_LOGITS = 1 << 28
"""Most logits of a batch, 1 GiB in float32: a large vocabulary makes batches smaller."""


@dataclass(frozen=True)
class Askable:
    """Items in batches, and why the others cannot be asked, by item."""

    batches: list[list[Query]]
    missing: dict[str, str]

    @property
    def queries(self) -> list[Query]:
        """In the order in which every array of this module has its items."""
        return [query for batch in self.batches for query in batch]


def ask(model: Any, tokenizer: Any, items: pd.DataFrame, known: AbstractSet[str]) -> Askable:
    """Batches of the items whose fact the base knows and whose answer it can read.

    items: columns item, prompt, answers; known: items of known facts.
    """
    context = getattr(model.config, "max_position_embeddings", None)
    missing, fit = {}, []
    for query in make_queries(tokenizer, items, RecordsSpec(), context):
        if query.item not in known:
            missing[query.item] = UNKNOWN
        elif not query.fits or not query.answer:
            missing[query.item] = query.reason
        elif not spoken(query):
            missing[query.item] = "the accepted answer has no tokens"
        else:
            fit.append(query)
    vocabulary = int(describe(model).unembedding.weight.shape[0])
    return Askable(list(batches(fit, min(AT_ONCE, MOST_LOGITS // vocabulary))), missing)


def reworded(
    asked: Askable, tokenizer: Any, items: pd.DataFrame, prompt: Callable[[str], str]
) -> Askable:
    """The same items in the same batches, their prompts as a model with an edit of prompts is asked
    them; rows still are those that predict the answer."""
    texts = dict(zip(items["item"], items["prompt"], strict=True))

    def own(query: Query) -> Query:
        text = texts[query.item]
        changed = prompt(text)
        if changed == text:
            return query
        return replace(query, prompt=tuple(prompt_ids(tokenizer, changed)))

    return Askable([[own(query) for query in batch] for batch in asked.batches], asked.missing)


def spoken(query: Query) -> tuple[int, ...]:
    """The answer's tokens that count: all but the end token."""
    return query.answer[:-1]


@torch.inference_mode()
def source_rows(model: Any, asked: Askable, fill: int) -> list[Tensor]:
    """Per batch, rows 1 … n at the positions that predict answer tokens: (n, positions, width).

    Positions item by item. Prompts are read on their own and answers from their cache, as in the
    records, so that an edit which looks at the prompt does here what it does there.
    """
    return [_source_rows(model, batch, fill) for batch in asked.batches]


@torch.inference_mode()
def patched(
    base: Any, asked: Askable, fill: int, sources: Sequence[Sequence[Tensor]]
) -> tuple[np.ndarray, np.ndarray]:
    """The answers' mean log-probabilities in the base as it is, (items,), and with each source's
    rows 1 … n, (sources, n, items); nats per token.

    sources: what `source_rows` gave for each source.
    """
    n_rows = describe(base).n_blocks
    plain = [np.zeros(0)]
    with_rows = [np.zeros((len(sources), n_rows, 0))]
    for place, batch in enumerate(asked.batches):
        run = _Prefixes(base, batch, fill)
        plain.append(run.answer_logp(None, None))
        each = [
            [run.answer_logp(row, vectors) for row, vectors in enumerate(source[place], start=1)]
            for source in sources
        ]
        with_rows.append(np.array(each))
    return np.concatenate(plain), np.concatenate(with_rows, axis=2)


def _source_rows(model: Any, batch: Sequence[Query], fill: int) -> Tensor:
    inside = [spoken(query)[:-1] for query in batch]
    with row_hooks(model) as rows:
        state, _ = read_prompts(model, batch, fill, every=False)
        parts = [rows.stacked()[1:, :, -1:]]
        if any(inside):
            force_answers(model, state, inside, fill)
            parts.append(rows.stacked()[1:])
    together = torch.cat(parts, dim=2)
    return together[:, _real(batch, together.device)]


class _Prefixes:
    """A batch whose prompts, short of their last token, the base has read into its cache."""

    def __init__(self, base: Any, batch: Sequence[Query], fill: int) -> None:
        architecture = describe(base)
        self.base = base
        self.places = [*architecture.blocks, architecture.final_norm]
        self.state, _ = read_prompts(base, batch, fill, every=False)
        self.state.cache.crop(-1)
        self.real = _real(batch, base.device)
        width = self.real.shape[1]
        self.ids = torch.full((len(batch), width), fill, dtype=torch.int64)
        for row, query in enumerate(batch):
            read = (query.prompt[-1], *spoken(query)[:-1])
            self.ids[row, : len(read)] = torch.tensor(read)
        self.ids = self.ids.to(base.device)
        self.wanted = torch.tensor([t for query in batch for t in spoken(query)]).to(base.device)
        self.lengths = np.array([len(spoken(query)) for query in batch])

    def answer_logp(self, row: int | None, vectors: Tensor | None) -> np.ndarray:
        """Mean log-probability of each answer, (items,), with one row replaced, or none."""
        columns = torch.arange(self.ids.shape[1], device=self.ids.device)
        mask = torch.cat([self.state.mask[:, :-1], self.real.to(self.state.mask.dtype)], dim=1)
        with head_at(self.base, self.real), self._replaced(row, vectors):
            logits = self.base(
                input_ids=self.ids,
                attention_mask=mask,
                position_ids=self.state.lengths[:, None] - 1 + columns,
                past_key_values=self.state.cache,
                use_cache=True,
            ).logits[0]
        self.state.cache.crop(-len(columns))
        logp = logits.float().log_softmax(dim=1).gather(1, self.wanted[:, None])[:, 0]
        starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        total = np.add.reduceat(logp.cpu().numpy().astype(np.float64), starts)
        return np.asarray(total / self.lengths)

    @contextmanager
    def _replaced(self, row: int | None, vectors: Tensor | None) -> Iterator[None]:
        if row is None or vectors is None:
            yield
            return
        held = vectors

        def put(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            rows = (args[0] if args else kwargs["hidden_states"]).clone()
            rows[self.real] = held.to(rows.device, rows.dtype)
            if args:
                return (rows, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": rows}

        handle = self.places[row].register_forward_pre_hook(put, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


def _real(batch: Sequence[Query], device: Any) -> Tensor:
    """(items, longest answer) bool: positions that predict a token of the answer."""
    lengths = torch.tensor([len(spoken(query)) for query in batch])
    return (torch.arange(int(lengths.max())) < lengths[:, None]).to(device)
