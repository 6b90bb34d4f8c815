"""The lens table: what one decoder reads out of every row of every item, as numbers and tokens.

One line per item and row. Ranks come from logits, so that scale and shift change none; divergences
come from log-softmax in float64, so that nothing underflows; cosines are of logits centred over the
vocabulary, since softmax does not see a constant. Nothing is kept between items: a table depends on
its own items, decoder and head alone, and a lens or prompt added changes no other table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from residue.core.text import shown
from residue.lens.asked import NONE, AnswerIds, columns
from residue.lens.divergence import (
    Floats,
    entropy_bits,
    js_bits,
    kl_bits,
    log_softmax,
)
from residue.models.head import Array, Head

NEAR = 50
"""Tokens at the top that are compared with the prompt's words and with the row before."""

KEYS = ("lens", "arm", "pair", "seed", "condition", "item", "row")
NUMBERS = (
    "entropy", "teacher_entropy", "entropy_gap", "p_top1", "p_top5", "margin", "p_answer",
    "answer_logit", "answer_logit_gap", "log_odds_foil", "p_foil",
    "kl_to_final", "kl_from_final", "js_to_final", "cos_to_final", "cos_to_answer",
    "cos_to_prompt_max", "echo_mass", "answer_mass", "topk_prompt_mass", "topk_jaccard_previous",
    "row_norm",
)  # fmt: skip
RANKS = ("answer_rank", "foil_rank")

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("lens", "arm")),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("pair", "seed")),
        *(pa.field(name, pa.string(), nullable=False) for name in ("condition", "item")),
        pa.field("row", pa.int32(), nullable=False),
        *(pa.field(name, pa.float64()) for name in NUMBERS),
        *(pa.field(name, pa.int32()) for name in RANKS),
        pa.field("topk_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("topk_text", pa.list_(pa.string()), nullable=False),
        pa.field("topk_p", pa.list_(pa.float64()), nullable=False),
    ]
)
"""Null where an item has no answer, no foil or no words, at the first row for the row before, and
throughout where a row is not finite."""


class Decoder(Protocol):
    """A file of `lens/decoders`."""

    def state(self, rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array: ...

    def decode(self, rows: Array, row: int, head: Head, tensors: Mapping[str, Array]) -> Array: ...


def decode_table(
    items: list[str],
    rows: Mapping[int, Array],
    asked: Mapping[str, AnswerIds],
    head: Head,
    decoder: Decoder,
    tensors: Mapping[str, Array],
    *,
    keys: Mapping[str, Any],
    text: Callable[[int], str],
    top_k: int,
) -> pa.Table:
    """The lines of some items, item by item, rows in order; the schema is `SCHEMA`.

    rows: row → vectors (items, width), 0 ... n, of which n gives the model's own law; head and
    tensors: of the model by which the rows are read; keys: lens, arm, pair, seed, condition; text:
    of a token, written out by `core.text.shown`. Units: bits, probabilities, natural logits, norms.
    """
    final = Law(head.logits(finite(rows[head.shape.n_blocks])[0]))
    found = _Items(items, asked)
    parts: list[dict[str, Any]] = []
    before: np.ndarray | None = None
    for row in sorted(rows):
        vectors, whole = finite(rows[row])
        law = Law(decoder.decode(vectors, row, head, tensors))
        top = law.top(max(NEAR, top_k))
        numbers = {
            **_shape_numbers(law, final, top),
            **_answer_numbers(law, found, top),
            **_direction_numbers(decoder.state(vectors, row, head, tensors), found, head),
            **_prompt_numbers(law, found, top[:, :NEAR], before),
            "row_norm": np.linalg.norm(vectors.astype(np.float64), axis=1),
        }
        parts.append(
            {
                "numbers": {name: np.where(whole, v, np.nan) for name, v in numbers.items()},
                "ids": top[:, :top_k],
                "p": np.take_along_axis(law.p, top[:, :top_k], axis=1),
                "whole": whole,
            }
        )
        before = top[:, :NEAR]
    return _as_table(items, sorted(rows), parts, keys, text)


class Law:
    """Logits (items, vocabulary) in float64 and the law they give."""

    def __init__(self, logits: Array) -> None:
        self.logits: Floats = np.asarray(logits, np.float64)
        self.log_p = log_softmax(self.logits)
        self.p: Floats = np.exp(self.log_p)

    def entropy(self) -> Floats:
        """Entropy in bits, (items,)."""
        return entropy_bits(self.log_p, self.p)

    def top(self, k: int) -> np.ndarray:
        """Ids (items, k) of the greatest logits, greatest first; of equal ones the lower id."""
        k = min(k, self.logits.shape[1])
        chosen = np.sort(np.argpartition(-self.logits, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(-np.take_along_axis(self.logits, chosen, axis=1), axis=1, kind="stable")
        return np.asarray(np.take_along_axis(chosen, order, axis=1))


class _Items:
    """Answers (items,), foils (items,) and prompt words (items, most), -1 where there is none."""

    def __init__(self, items: list[str], asked: Mapping[str, AnswerIds]) -> None:
        self.answer, self.foil = columns(asked, items)
        most = max((len(asked[item].words) for item in items), default=0)
        self.words = np.full((len(items), max(most, 1)), NONE, np.int64)
        for line, item in enumerate(items):
            self.words[line, : len(asked[item].words)] = asked[item].words


def rank_of(logits: Floats, token: np.ndarray) -> Floats:
    """1 + number of other tokens whose logit is not less: ties count against the token, so that a
    flat law never looks like knowledge. (items, V), (items,) -> (items,); NaN for token -1."""
    own = np.take_along_axis(logits, np.maximum(token, 0)[:, None], axis=1)
    rank = (logits >= own).sum(axis=1).astype(np.float64)
    return np.where(token < 0, np.nan, rank)


def picked(values: Floats, token: np.ndarray) -> Floats:
    """Value at each item's token; NaN for token -1."""
    own = np.take_along_axis(values, np.maximum(token, 0)[:, None], axis=1)[:, 0]
    return np.where(token < 0, np.nan, own)


def _shape_numbers(law: Law, final: Law, top: np.ndarray) -> dict[str, Floats]:
    entropy, teacher = law.entropy(), final.entropy()
    first = np.take_along_axis(law.p, top[:, :5], axis=1)
    return {
        "entropy": entropy,
        "teacher_entropy": teacher,
        "entropy_gap": entropy - teacher,
        "p_top1": first[:, 0],
        "p_top5": first.sum(axis=1),
        "margin": first[:, 0] - first[:, 1],
        "kl_to_final": kl_bits(law.log_p, final.log_p, law.p),
        "kl_from_final": kl_bits(final.log_p, law.log_p, final.p),
        "js_to_final": js_bits(law.log_p, final.log_p, law.p, final.p),
        "cos_to_final": cosine(_centred(law.logits), _centred(final.logits)),
    }


def _answer_numbers(law: Law, found: _Items, top: np.ndarray) -> dict[str, Floats]:
    answer = picked(law.logits, found.answer)
    best = np.where(top[:, 0] == found.answer, top[:, 1], top[:, 0])
    p_answer = picked(law.p, found.answer)
    return {
        "p_answer": p_answer,
        "answer_mass": p_answer,
        "answer_rank": rank_of(law.logits, found.answer),
        "answer_logit": answer,
        "answer_logit_gap": answer - picked(law.logits, best),
        "log_odds_foil": answer - picked(law.logits, found.foil),
        "p_foil": picked(law.p, found.foil),
        "foil_rank": rank_of(law.logits, found.foil),
    }


def _direction_numbers(state: Array, found: _Items, head: Head) -> dict[str, Floats]:
    """Cosines of the decoded state with unembedding vectors: free of bias, cap and scale."""
    tokens = np.concatenate([found.answer[:, None], found.words], axis=1)
    vectors = head.tensors["unembedding.weight"][np.maximum(tokens, 0)].astype(np.float64)
    cosines = np.where(tokens < 0, np.nan, cosine(vectors, state[:, None].astype(np.float64)))
    words = np.where(np.isnan(cosines), -np.inf, cosines)[:, 1:].max(axis=1)
    return {
        "cos_to_answer": cosines[:, 0],
        "cos_to_prompt_max": np.where(np.isfinite(words), words, np.nan),
    }


def _prompt_numbers(
    law: Law, found: _Items, top: np.ndarray, before: np.ndarray | None
) -> dict[str, Floats]:
    echo = np.where(
        found.words < 0, 0.0, np.take_along_axis(law.p, np.maximum(found.words, 0), axis=1)
    )
    near = (found.words[:, :, None] == top[:, None, :]).any(axis=2)
    shared = np.full(len(top), np.nan) if before is None else jaccard(top, before)
    return {
        "echo_mass": echo.sum(axis=1),
        "topk_prompt_mass": (echo * near).sum(axis=1),
        "topk_jaccard_previous": shared,
    }


def jaccard(first: np.ndarray, second: np.ndarray) -> Floats:
    """|A and B| / |A or B| of two lists of distinct ids per line, (items, k) each."""
    both = (first[:, :, None] == second[:, None, :]).sum(axis=(1, 2))
    return np.asarray(both / (first.shape[1] + second.shape[1] - both), np.float64)


def cosine(first: Floats, second: Floats) -> Floats:
    """Cosine along the last axis; NaN where a vector is 0."""
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    products = (first * second).sum(axis=-1)
    found: Floats = np.full_like(products, np.nan)
    np.divide(products, lengths, out=found, where=lengths > 0.0)
    return found


def _centred(logits: Floats) -> Floats:
    return np.asarray(logits - logits.mean(axis=-1, keepdims=True))


def finite(rows: Array) -> tuple[Array, np.ndarray]:
    """Rows with 0 in place of vectors that are not finite, and which were whole."""
    whole = np.asarray(np.isfinite(rows).all(axis=1))
    return np.where(whole[:, None], rows, np.float32(0.0)).astype(np.float32), whole


def _as_table(
    items: list[str],
    rows: list[int],
    parts: list[dict[str, Any]],
    keys: Mapping[str, Any],
    text: Callable[[int], str],
) -> pa.Table:
    """From row-by-row arrays to lines item by item."""
    n = len(items) * len(rows)
    whole = np.stack([part["whole"] for part in parts], axis=1).ravel()
    values: dict[str, Any] = {name: [keys[name]] * n for name in KEYS[:5]}
    values["item"] = [item for item in items for _ in rows]
    values["row"] = rows * len(items)
    for name in (*NUMBERS, *RANKS):
        column = np.stack([part["numbers"][name] for part in parts], axis=1).ravel()
        values[name] = pa.array(column, pa.float64(), from_pandas=True)
    ids = np.stack([part["ids"] for part in parts], axis=1).reshape(n, -1)
    p = np.stack([part["p"] for part in parts], axis=1).reshape(n, -1)
    listed = [line if good else [] for line, good in zip(ids.tolist(), whole, strict=True)]
    values["topk_ids"] = listed
    values["topk_text"] = [[shown(text(token)) for token in line] for line in listed]
    values["topk_p"] = [line if good else [] for line, good in zip(p.tolist(), whole, strict=True)]
    arrays = [
        column.cast(field.type) if isinstance(column, pa.Array) else pa.array(column, field.type)
        for field, column in ((field, values[field.name]) for field in SCHEMA)
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
