"""What a lens reads at every position and row of a few prompts: the cells of a heat map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

    from residue.models.head import Head

Text = Callable[[int], str]


@dataclass(frozen=True)
class Trace:
    """One prompt as one model holds it: ids (positions,), vectors (rows, positions, width)."""

    ids: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class Cells:
    """Arrays (rows, positions): likeliest token's text and probability, log-probability (nats) of
    the answer's first token; and the texts of the prompt's own tokens (positions,)."""

    prompt: tuple[str, ...]
    top: np.ndarray
    top_p: np.ndarray
    answer_logp: np.ndarray


@dataclass(frozen=True)
class Prompt:
    """One prompt to draw: words above it, and what two models hold of it."""

    title: str
    base: Cells
    arm: Cells


def prompts(
    base: Mapping[str, Trace],
    arm: Mapping[str, Trace],
    items: pd.DataFrame,
    tokens: pd.DataFrame,
    head: Head,
    text: Text,
) -> list[Prompt]:
    """The traced prompts of a deck, read in both models by the base's final norm and head.

    tokens: of the base, which tell the first id of each answer.
    """
    asked = tokens[(tokens["part"] == "answer") & (tokens["position"] == 0)]
    answers = dict(zip(asked["item"], asked["id"], strict=True))
    titles = {
        item: f"{prompt} → {accepted[0]}"
        for item, prompt, accepted in zip(
            items["item"], items["prompt"], items["answers"], strict=True
        )
    }
    return [
        Prompt(
            titles[item],
            cells(trace, head, int(answers[item]), text),
            cells(arm[item], head, int(answers[item]), text),
        )
        for item, trace in base.items()
        if item in arm and item in answers
    ]


def read_traces(path: Path) -> dict[str, Trace]:
    """The prompts of a traces file by item, in the file's order."""
    table = pq.read_table(path)
    names = [name for name in table.column_names if name.startswith("row_")]
    names.sort(key=lambda name: int(name.removeprefix("row_")))
    items = np.array(table["item"].to_pylist())
    ids = table["id"].to_numpy()
    rows = []
    for name in names:
        held = table[name].combine_chunks()
        rows.append(held.flatten().to_numpy().reshape(-1, held.type.list_size))
    vectors = np.stack(rows)
    return {
        str(item): Trace(ids[items == item], vectors[:, items == item])
        for item in dict.fromkeys(items)
    }


def cells(trace: Trace, head: Head, answer: int, text: Text) -> Cells:
    """Read every row and position; `answer` is the id that the last position should predict."""
    top, top_p, answer_logp = [], [], []
    for vectors in trace.vectors:
        logits = head.logits(vectors).astype(np.float64)
        shifted = logits - logits.max(axis=-1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        first = logp.argmax(axis=-1)
        top.append([text(int(token)) for token in first])
        top_p.append(np.exp(np.take_along_axis(logp, first[:, None], axis=-1)[:, 0]))
        answer_logp.append(logp[:, answer])
    prompt = tuple(text(int(token)) for token in trace.ids)
    return Cells(prompt, np.array(top, dtype=object), np.stack(top_p), np.stack(answer_logp))
