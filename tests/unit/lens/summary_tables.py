"""Small lens tables for the tests of the summaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from residue.lens.summaries.trajectories import Trajectories

PLAIN = {"lens": "norm", "arm": "base", "pair": 0, "seed": 0, "condition": "plain", "item": "a"}


def table(columns: Mapping[str, Sequence[Any]], first: int = 0, **key: Any) -> pd.DataFrame:
    """One trajectory: the columns over rows first, first + 1, …"""
    frame = pd.DataFrame(dict(columns))
    return frame.assign(**(PLAIN | key), row=np.arange(first, first + len(frame)))


def of(columns: Mapping[str, Sequence[Any]], first: int = 0, **key: Any) -> Trajectories:
    """The same as trajectories."""
    return Trajectories.of(table(columns, first, **key), list(columns))


def random_table(
    item: str, lens: str, n: int = 6, vocabulary: int = 40, **key: Any
) -> pd.DataFrame:
    """A whole lens table of one prompt: laws from random logits, the answer being token 7."""
    rng = np.random.default_rng(abs(hash_of(item, lens)))
    logits = rng.normal(size=(n + 1, vocabulary)) * np.linspace(1, 4, n + 1)[:, None]
    logits[:, 7] += np.linspace(-2, 6, n + 1)
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    p = np.exp(logp)
    order = np.argsort(-logits, axis=1)
    best_other = np.max(np.delete(logits, 7, axis=1), axis=1)
    ranked = np.sort(p, axis=1)[:, ::-1]
    entropy = -(p * logp).sum(1) / np.log(2)
    kl = (p * (logp - logp[-1])).sum(1) / np.log(2)
    columns = {
        "entropy": entropy,
        "teacher_entropy": np.full(n + 1, entropy[-1]),
        "entropy_gap": entropy - entropy[-1],
        "p_top1": ranked[:, 0],
        "p_top5": ranked[:, :5].sum(1),
        "margin": ranked[:, 0] - ranked[:, 1],
        "p_answer": p[:, 7],
        "answer_rank": 1 + (logits > logits[:, 7:8]).sum(1),
        "answer_logit_gap": logits[:, 7] - best_other,
        "log_odds_foil": logits[:, 7] - logits[:, 8],
        "p_foil": p[:, 8],
        "kl_to_final": kl,
        "cos_to_final": np.linspace(0.0, 1.0, n + 1),
        "cos_to_answer": np.linspace(0.0, 0.3, n + 1),
        "cos_to_prompt_max": np.linspace(0.2, 0.1, n + 1),
        "echo_mass": p[:, :5].sum(1),
        "answer_mass": p[:, 7],
        "topk_prompt_mass": p[:, :5].sum(1),
        "row_norm": np.exp(0.1 * np.arange(n + 1)),
        "topk_ids": [list(map(int, ids[:20])) for ids in order],
    }
    return table(columns, lens=lens, item=item, **key)


def random_pairs(item: str, n: int = 6, **key: Any) -> pd.DataFrame:
    """A pair table of one prompt."""
    rng = np.random.default_rng(abs(hash_of(item, "pairs")))
    columns = {
        "kl_norm_raw": rng.gamma(1.0, 0.5, n + 1),
        "kl_raw_norm": rng.gamma(1.0, 0.5, n + 1),
        "js": rng.uniform(0, 0.3, n + 1),
        "l1": rng.uniform(0, 1, n + 1),
        "jaccard_10": rng.uniform(0, 1, n + 1),
        "jaccard_50": rng.uniform(0, 1, n + 1),
        "spearman_50": rng.uniform(-1, 1, n + 1),
        "answer_rank_norm": rng.integers(1, 4, n + 1),
        "answer_rank_raw": rng.integers(1, 4, n + 1),
    }
    return table(columns, item=item, **key).drop(columns="lens")


def hash_of(*parts: str) -> int:
    """The same number in every process."""
    return sum((place + 1) * ord(letter) for place, letter in enumerate("/".join(parts)))
