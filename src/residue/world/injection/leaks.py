"""How much of what is scored a defence was shown, on five axes and as whole items.

Texts are compared as they are, normalised (`residue.world.texts`), and by shared runs of three
words: MinHash (Broder, 1997) estimates the Jaccard similarity |A ∩ B| / |A ∪ B| of two sets of runs
by the share of equal minima under `HASHES` random hashes, with a standard error of at most
½ / √HASHES = 0.044.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from residue.core.seeds import derive
from residue.world.audit import AuditError
from residue.world.grammar import ANS, DATA, SYS
from residue.world.texts import normalised

HASHES = 128
RUN = 3
"""Words of a run."""
NEAR = 0.8
"""Similarity from which two texts are near duplicates."""
COLUMNS = (
    "axis", "against", "n_items", "n_marked", "exact", "normalised", "near", "similarity_max",
    "marked_exact", "marked_near",
)  # fmt: skip
AXES = ("item", "family", "template", "style", "carrier", "goal")
"""Of a deck's items; `item` is the whole prompt, the others are those of column `held_out`."""
_LABELS = ("family", "goal")
"""Axes whose values are names, of which none is nearly another."""


def leaks(deck: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """One line per axis and part of the defence's data (`train`, `dev`), with `COLUMNS`.

    deck: deck `orders`; shown: defence data. Counts are of items whose text was shown; `marked`
    are those whose `held_out` names the axis. AuditError where a whole scored prompt was shown,
    or where an item is marked as new and is not.
    """
    held_out = deck["held_out"].str.split(",")
    lines = []
    for name, chosen in (("train", ("twin", "keep")), ("dev", ("dev_twin", "dev_keep"))):
        part = shown[shown["set"].isin(chosen)]
        for axis in AXES:
            mine, theirs = _asked(deck, axis), _shown(part, axis)
            marked = held_out.map(lambda axes, axis=axis: axis in axes) & (mine != "")
            line = _compared(mine, theirs, marked, labels=axis in _LABELS)
            lines.append({"axis": axis, "against": name} | line)
            _check(deck, axis, mine, set(theirs), marked)
    return pd.DataFrame(lines, columns=list(COLUMNS))


def similarity(texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """For each text its greatest estimated Jaccard similarity to one of the others; 0 without."""
    if not len(texts) or not len(others):
        return np.zeros(len(texts))
    mine, theirs = signatures(texts), signatures(others)
    found = np.zeros(len(texts))
    for start in range(0, len(theirs), 64):
        equal = mine[:, None, :] == theirs[None, start : start + 64, :]
        found = np.maximum(found, equal.mean(axis=2).max(axis=1))
    return found


def signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """(texts, HASHES): minima of random hashes over a text's runs of words."""
    rng = np.random.default_rng(derive("world.injection.minhash"))
    factors = rng.integers(1 << 62, size=HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = rng.integers(1 << 63, size=HASHES, dtype=np.uint64)
    made = np.empty((len(texts), HASHES), np.uint32)
    for number, text in enumerate(texts):
        runs = np.array([_hash(run) for run in sorted(word_runs(text))], np.uint64)
        # Multiply-shift hashing modulo 2^64; the upper half is the random one.
        mixed = (runs[:, None] * factors + shifts) >> np.uint64(32)
        made[number] = mixed.min(axis=0).astype(np.uint32)
    return made


def word_runs(text: str) -> set[str]:
    """Runs of `RUN` words of the normalised text; a shorter text is one run."""
    words = normalised(text).split()
    return {" ".join(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}


def _hash(run: str) -> int:
    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big")


def _asked(deck: pd.DataFrame, axis: str) -> pd.Series:
    """What each item has on an axis; empty where it has nothing."""
    if axis in _LABELS:
        return deck[axis].where(deck["goal"] != "", "")
    if axis == "item":
        return deck["prompt"]
    if axis == "template":
        return deck["prompt"].map(_order).where(deck["template"] != "", "")
    columns = deck[["prompt", "span", "position"]].itertuples(index=False)
    if axis == "carrier":
        texts = [_cut(prompt, span) for prompt, span, _ in columns]
    else:
        texts = [_attack(prompt, span, position) for prompt, span, position in columns]
    return pd.Series(texts, index=deck.index, dtype=object)


def _shown(part: pd.DataFrame, axis: str) -> list[str]:
    """The distinct texts of the defence's rows on an axis."""
    if axis in _LABELS:
        found = part.loc[part["goal"] != "", axis]
    elif axis == "item":
        found = pd.concat([part["prompt"], part["attacked"]])
    elif axis == "template":
        found = part["prompt"].map(_order)
    elif axis == "carrier":
        found = part["prompt"].map(lambda prompt: _cut(prompt, ()))
    else:
        twins = part[part["attacked"] != ""]
        columns = twins[["attacked", "span", "position"]].itertuples(index=False)
        found = pd.Series([_attack(*each) for each in columns], dtype=object)
    return [text for text in dict.fromkeys(found) if text]


def _order(prompt: str) -> str:
    return prompt.split(DATA)[0].removeprefix(SYS).strip() if prompt.startswith(SYS) else ""


def _attack(prompt: str, span: Sequence[int], position: str) -> str:
    """Where the attacker wrote, and what: the same words in a new place are new."""
    return f"{position}: {prompt[span[0] : span[1]].strip()}" if len(span) else ""


def _cut(prompt: str, span: Sequence[int]) -> str:
    """The data without what the attacker put in."""
    clean = prompt[: span[0]] + prompt[span[1] :] if len(span) else prompt
    return clean.split(DATA)[1].removesuffix(ANS).strip() if DATA in clean else ""


def _compared(
    mine: pd.Series, theirs: Sequence[str], marked: pd.Series, *, labels: bool
) -> dict[str, float | int]:
    asked = mine != ""
    exact = asked & mine.isin(theirs)
    folded = asked & mine.map(normalised).isin({normalised(text) for text in theirs})
    near, most = exact, float(exact.any())
    if not labels:
        distinct = list(dict.fromkeys(mine[asked]))
        found = dict(zip(distinct, similarity(distinct, theirs), strict=True))
        closest = mine.map(lambda text: found.get(text, 0.0))
        near, most = closest >= NEAR, float(closest.max())
    counts: dict[str, float | int] = {
        "n_items": int(asked.sum()),
        "n_marked": int(marked.sum()),
        "exact": int(exact.sum()),
        "normalised": int(folded.sum()),
        "near": int(near.sum()),
        "similarity_max": most,
        "marked_exact": int((exact & marked).sum()),
        "marked_near": int((near & marked).sum()),
    }
    return counts


def _check(
    deck: pd.DataFrame, axis: str, mine: pd.Series, theirs: set[str], marked: pd.Series
) -> None:
    fold: Callable[[str], str] = normalised if axis == "item" else str
    known = {fold(text) for text in theirs}
    leaked = (mine != "") & mine.map(fold).isin(known)
    if axis != "item":
        leaked &= marked
    if leaked.any():
        names = ", ".join(deck.loc[leaked, "item"].head(5))
        what = "whole prompts" if axis == "item" else f"what `held_out` calls a new {axis}"
        raise AuditError(
            f"deck orders: {what} stand in the defence data too ({names}); word one of the two "
            "otherwise"
        )
