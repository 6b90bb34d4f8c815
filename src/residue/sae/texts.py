"""Texts and vectors of a stream, as scores and pickers read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.sae.sums import FORGET, RETAIN

Floats = NDArray[np.floating[Any]]

MOST_FORGET_ROWS = 4096
"""Forget tokens on which the random control is scaled; a mean norm needs no more."""


def token_texts(tokens: pd.DataFrame, start: int | None) -> dict[str, list[int]]:
    """Ids of each text of a stream, with the start token that streams leave out.

    tokens: text, position, id, in the order of the file.
    """
    first = [] if start is None else [int(start)]
    return {
        str(text): [*first, *part["id"].tolist()]
        for text, part in tokens.groupby("text", sort=False)
    }


def some_texts(
    corpus: pd.DataFrame, texts: Mapping[str, Sequence[int]], most: int, seed: int
) -> list[str]:
    """Names of at most `most` texts of the forget and of the retain set, shuffled together."""
    rng = np.random.default_rng(derive("texts with gradients", seed))
    names: list[str] = []
    for name in (FORGET, RETAIN):
        here = [text for text in corpus.loc[corpus["set"] == name, "text"] if text in texts]
        names += [here[i] for i in rng.permutation(len(here))[:most]]
    # Texts of like length share a batch, so that little of it is padding.
    return sorted(names, key=lambda text: (len(texts[text]), text))


def forget_rows(corpus: pd.DataFrame, parts: Iterable[tuple[Sequence[str], Floats]]) -> Floats:
    """Vectors of the first forget tokens of the stream, (n, d)."""
    named = set(corpus.loc[corpus["set"] == FORGET, "text"])
    kept: list[Floats] = []
    for texts, h in parts:
        kept.append(h[[text in named for text in texts]])
        if sum(map(len, kept)) >= MOST_FORGET_ROWS:
            break
    rows: Floats = np.concatenate(kept)[:MOST_FORGET_ROWS]
    return rows
