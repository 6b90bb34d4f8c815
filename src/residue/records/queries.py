"""From items to what the model is asked: ids, limits, and batches of about equal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residue.models.chat import prompt_ids
from residue.models.encoding import encode_answer
from residue.specs.records import RecordsSpec

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Query:
    """One item in ids. `answer` ends with the end token and is empty where none is accepted; so do
    the wrong answers. `given` are the last ids of the prompt that are the answer's first."""

    item: str
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    limit: int
    reason: str
    fits: bool
    given: tuple[int, ...] = ()
    wrong: tuple[tuple[int, ...], ...] = ()

    @property
    def length(self) -> int:
        """Tokens that the model reads under teacher forcing; the end token is never read."""
        return len(self.prompt) + max(len(self.answer) - 1, 0)


def make_queries(
    tokenizer: Any,
    items: pd.DataFrame,
    spec: RecordsSpec,
    context: int | None,
    prefill: int = 0,
) -> list[Query]:
    """Queries in the order of the records: by length, then by item, whatever order items came in.

    items: columns item, prompt, answers, and witness and distractors where there are some; context:
    most tokens the model can read, None for no bound; prefill: tokens of the first accepted answer
    that are given with the prompt. An item that cannot be asked keeps its query and says why.
    """
    twice = items["item"][items["item"].duplicated()]
    if len(twice):
        raise ValueError(f"item '{twice.iloc[0]}' is in the deck twice; items need unique names.")
    witnesses = items["witness"] if "witness" in items else [None] * len(items)
    wrong = items["distractors"] if spec.distractors else [()] * len(items)
    queries = [
        _query(
            tokenizer,
            item,
            prompt,
            accepted,
            witness,
            others[: spec.distractors],
            spec,
            context,
            prefill,
        )
        for item, prompt, accepted, witness, others in zip(
            items["item"], items["prompt"], items["answers"], witnesses, wrong, strict=True
        )
    ]
    return sorted(queries, key=lambda query: (query.length, query.item))


def batches(queries: Sequence[Query], batch_tokens: int) -> Iterator[list[Query]]:
    """Neighbours in `queries`, as many as fit `batch_tokens` padded tokens, at least one."""
    batch: list[Query] = []
    longest = 0
    for query in queries:
        longest = max(longest, query.length)
        if batch and longest * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest = [], query.length
        batch.append(query)
    if batch:
        yield batch


def _query(
    tokenizer: Any,
    item: str,
    prompt: str,
    accepted: Sequence[str] | None,
    witness: str | None,
    distractors: Sequence[str],
    spec: RecordsSpec,
    context: int | None,
    prefill: int,
) -> Query:
    texts = [text for text in (accepted if accepted is not None else ()) if text.strip()]
    endings = [encode_answer(tokenizer, text) for text in texts]
    # A missing witness comes as None, NaN or an empty text, depending on who wrote the table.
    wanted = (
        [encode_answer(tokenizer, witness)] if isinstance(witness, str) and witness.strip() else []
    )
    limit = max([spec.max_new_tokens, *map(len, endings), *map(len, wanted)])
    ids = prompt_ids(tokenizer, prompt)
    answer = endings[0] if endings else []
    reason = "" if endings else "no accepted answer"
    fits = not prefill or not answer or prefill < len(answer) - 1
    if not fits:
        reason = f"its whole answer would be given: {len(answer) - 1} tokens"
    given, answer = answer[:prefill], answer[prefill:]
    ids = [*ids, *given]
    if fits and context is not None:
        needed = len(ids) + max(len(answer) - 1, 0)
        fits = needed <= context
        # The last generated token is never read back, so one more than the room can be said.
        limit = min(limit, context - len(ids) + 1)
        if not fits:
            reason = f"prompt and answer need {needed} tokens, the model reads {context}"
    wrong = [tuple(encode_answer(tokenizer, text)) for text in distractors]
    # With answer tokens given, a wrong answer would follow the right one's beginning.
    wrong = [] if given else wrong
    room = len(ids) + max(map(len, wrong), default=0) - 1
    # An item whose wrong answers do not fit has none: a ratio of some of them is another number.
    kept = wrong if context is None or room <= context else []
    return Query(item, tuple(ids), tuple(answer), limit, reason, fits, tuple(given), tuple(kept))
