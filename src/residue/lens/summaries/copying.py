"""Is a row merely repeating the prompt? Copy flags as a pure function of one lens table.

A row copies when the tokens that the last rows read as most likely stand next to each other, in
that order, in the prompt C:
- strict@τ: the top token is in C, is neither blank nor punctuation, p1 > τ and p1 − p2 > margin;
- soft_k{k}@t: the last k different readings are a contiguous part of C, and p1 > t.
A token held over several rows counts once: taken row by row, a window of two would ask that row
l−1 and l name neighbours in the prompt, and a held token never matches. `collapse=False` takes it
row by row, as published. There is no state: each (lens, item) is computed from its own rows alone.
Rows below `start` are in no window. After logos-in-layers (2025).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from residue.lens.summaries.scan import START, Flags, Found, first_row, found, named
from residue.lens.summaries.trajectories import Floats, Ints, Trajectories

COLUMNS = ("p_top1", "margin", "top1_id")
"""Numeric columns that the flags are made of; `top1_id` is the first of `topk_ids`."""
MARKERS = str.maketrans({"▁": " ", "Ġ": " ", "Ċ": " "})
"""How vocabularies spell a leading space or a line break."""


def strict_name(threshold: float) -> str:
    """Name of a strict flag and its milestone."""
    return f"copy_strict@{named(threshold)}"


def soft_name(k: int, threshold: float) -> str:
    """Name of a soft flag and its milestone."""
    return f"copy_soft_k{k}@{named(threshold)}"


def blank_or_punctuation(text: str) -> bool:
    """Whether a token says no word: only space, punctuation, symbols, controls in any script."""
    return all(unicodedata.category(letter)[0] in "PSZC" for letter in text.translate(MARKERS))


def contains(prompt: Sequence[int], window: Sequence[int]) -> bool:
    """Whether the window is a contiguous part of the prompt; an empty window is not."""
    k = len(window)
    if not k:
        return False
    wanted = list(window)
    return any(list(prompt[at : at + k]) == wanted for at in range(len(prompt) - k + 1))


def copy_flags(
    t: Trajectories,
    prompts: Mapping[str, Sequence[int]],
    wordless: Iterable[int],
    *,
    strict: Iterable[float] = (0.7, 0.8, 0.9, 0.95),
    margin: float = 0.10,
    soft: float = 0.5,
    windows: Iterable[int] = (1, 2, 3),
    collapse: bool = True,
    start: int = START,
) -> dict[str, Flags]:
    """Flags (keys, rows) by name, strict ones first.

    t: columns `p_top1`, `margin` (p1 − p2), `top1_id`; prompts: item → ids without special
    tokens; wordless: ids of `blank_or_punctuation` tokens. An item without a prompt has no flag.
    """
    ids, p1, gap = t["top1_id"], t["p_top1"], t["margin"]
    hits = {k: _windows_in_prompt(t, prompts, k, collapse, start) for k in {1, *windows}}
    worded = ~np.isin(ids, np.fromiter(wordless, dtype=np.float64))
    sure = worded & (gap > margin) & hits[1]
    flags = {strict_name(tau): sure & (p1 > tau) for tau in strict}
    return flags | {soft_name(k, soft): hits[k] & (p1 > soft) for k in windows}


def copy_milestones(
    rows: Ints, flags: Mapping[str, npt.NDArray[np.generic]], start: int = START
) -> dict[str, Found]:
    """First row of each flag; flags (keys, rows) may hold NaN where a row was not recorded."""
    result = {}
    for name, given in flags.items():
        values: Floats = np.asarray(given, dtype=np.float64)
        result[name] = found(rows, first_row(rows, values == 1, start), values, start=start)
    return result


def stability(rows_by_threshold: Mapping[float, float | None], n: int) -> str:
    """How far the first copy moves between the loosest and the strictest threshold.

    `none` where no threshold is met; `stable`: at most 2 rows or 5 % of the depth n; `fragile`: at
    least 6 rows or 15 %; else, or where only one end is met, `mixed`.
    """
    ends = [rows_by_threshold[t] for t in (min(rows_by_threshold), max(rows_by_threshold))]
    if all(_absent(row) for row in rows_by_threshold.values()):
        return "none"
    low, high = ends
    if low is None or high is None or _absent(low) or _absent(high):
        return "mixed"
    moved = abs(high - low)
    if moved <= 2 or moved / n <= 0.05:
        return "stable"
    return "fragile" if moved >= 6 or moved / n >= 0.15 else "mixed"


def only_in_main(copy: Floats, other: Flags, recorded: Flags, rows: Ints, radius: int) -> Floats:
    """1 where the main lens copies at row L and the other lens nowhere within L ± radius.

    copy: (keys,) L or NaN; other: the other lens's flags (keys, rows) at the same threshold, of
    its whole table; recorded: which of its rows exist. NaN where L is NaN, or where a row that
    decides is missing: an absent row has not been seen not to copy.
    """
    near = np.abs(rows[None, :] - copy[:, None]) <= radius
    hit = (near & other & recorded).any(axis=-1)
    complete = (recorded | ~near).all(axis=-1)
    decided = np.isfinite(copy) & (hit | complete)
    return np.where(decided, (~hit).astype(np.float64), np.nan)


def self_decoding(t: Trajectories, last_ids: Mapping[str, int]) -> Floats:
    """1 where row 0 reads the prompt's own last token, 0 where not, NaN without row 0.

    Tied embeddings do so whatever the prompt says; it is told apart from copying.
    last_ids: item → id of the prompt's last token.
    """
    at_zero = t.rows == 0
    if not at_zero.any():
        return np.full(len(t), np.nan)
    top = t["top1_id"][:, at_zero][:, 0]
    own = np.array([last_ids.get(item, -1) for item in t.keys["item"]], dtype=np.float64)
    return np.where(np.isfinite(top), (top == own).astype(np.float64), np.nan)


def _windows_in_prompt(
    t: Trajectories, prompts: Mapping[str, Sequence[int]], k: int, collapse: bool, start: int
) -> Flags:
    ids = t["top1_id"]
    flags = np.zeros(ids.shape, dtype=bool)
    for line, item in enumerate(t.keys["item"]):
        prompt = prompts.get(str(item), ())
        readings: list[int] = []
        for column, row in enumerate(t.rows):
            value = ids[line, column]
            if np.isnan(value):
                readings = []
                continue
            if row < start and k > 1:
                continue
            if not (collapse and readings and readings[-1] == int(value)):
                readings = [*readings, int(value)][-k:]
            flags[line, column] = len(readings) == k and contains(prompt, readings)
    return flags


def _absent(row: float | None) -> bool:
    return row is None or bool(np.isnan(row))
