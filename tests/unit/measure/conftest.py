"""Records written by hand: a few items, what a model said, and how it read the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

Tokens = dict[str, list[tuple[float, int]]]


@pytest.fixture(scope="session")
def make_items() -> Callable[..., pd.DataFrame]:
    """A deck from rows of differing columns; gaps take plain values."""

    def make(*rows: dict[str, Any]) -> pd.DataFrame:
        plain = {
            "deck": "facts",
            "family": "seen",
            "style": "plain",
            "template": "en-seen-1",
            "language": "en",
            "relation": "capital",
            "country": "PE",
            "split": "forget_test",
            "answers": [],
            "witness": "",
            "prompt": "",
            "span": [],
            "twin": "",
            "carrier": "",
        }
        return pd.DataFrame([plain | row for row in rows])

    return make


@pytest.fixture(scope="session")
def make_generations() -> Callable[..., pd.DataFrame]:
    """Generations from item → text, or (stop, reason) where nothing was said."""

    def make(said: dict[str, str | tuple[str, str]]) -> pd.DataFrame:
        rows = []
        for item, what in said.items():
            text, stop, reason = (what, "eos", "") if isinstance(what, str) else ("", *what)
            rows.append((item, text, np.array([], np.int32), stop, reason))
        return pd.DataFrame(rows, columns=["item", "text", "ids", "stop", "reason"])

    return make


@pytest.fixture(scope="session")
def make_tokens() -> Callable[[Tokens], pd.DataFrame]:
    """Tokens from item → (logp, rank) of each answer token and the end token; with prompts."""

    def make(answers: Tokens) -> pd.DataFrame:
        rows = []
        for item, numbers in answers.items():
            rows += [(item, 0, "prompt", np.nan, np.nan), (item, 1, "prompt", -9.0, 50.0)]
            rows += [(item, n, "answer", logp, rank) for n, (logp, rank) in enumerate(numbers)]
        return pd.DataFrame(rows, columns=["item", "position", "part", "logp", "rank"])

    return make
