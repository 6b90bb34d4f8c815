"""What a lens table needs to know of each item: its answer, its foil, the words of its prompt."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residue.models.plain_tokenizer import BROKEN, PlainTokenizer

if TYPE_CHECKING:
    import pandas as pd

NONE = -1


@dataclass(frozen=True)
class AnswerIds:
    """Token ids of one item; -1 where it has no answer, or no foil."""

    answer: int
    """First token of the first accepted answer."""
    foil: int
    """First token of the first distractor: an answer of the same kind that is wrong."""
    words: tuple[int, ...]
    """Ids of the prompt, each once, without those of blanks, punctuation and symbols."""


def asked_items(deck: pd.DataFrame, tokenizer: PlainTokenizer) -> dict[str, AnswerIds]:
    """By item. A foil that begins with the answer's own first token tells nothing apart, so the
    first distractor that does not is taken."""
    prompts = tokenizer.prompts(list(deck["prompt"]))
    answers = _first(tokenizer, deck["answers"])
    foils = [_ids(tokenizer, texts) for texts in deck["distractors"]]
    return {
        item: AnswerIds(
            answer=answer,
            foil=next((foil for foil in wrong if foil != answer), NONE),
            words=tuple(sorted({t for t in prompt if not is_blank(tokenizer.text(t))})),
        )
        for item, prompt, answer, wrong in zip(deck["item"], prompts, answers, foils, strict=True)
    }


def is_blank(text: str) -> bool:
    """Whether a token is only blanks, punctuation, symbols or controls (Unicode Z, P, S, C)."""
    return BROKEN not in text and all(unicodedata.category(c)[0] in "ZPSC" for c in text)


def columns(asked: Mapping[str, AnswerIds], items: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Ids of answers and foils of the items, in their order."""
    chosen = [asked[item] for item in items]
    answers = np.array([each.answer for each in chosen], np.int64)
    return answers, np.array([each.foil for each in chosen], np.int64)


def _first(tokenizer: PlainTokenizer, answers: Iterable[Sequence[str]]) -> list[int]:
    return [ids[0] if (ids := _ids(tokenizer, texts[:1])) else NONE for texts in answers]


def _ids(tokenizer: PlainTokenizer, texts: Sequence[str]) -> list[int]:
    texts = [str(text) for text in texts]
    return tokenizer.first_ids(texts) if texts else []
