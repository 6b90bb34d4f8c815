"""The lines of the comparison: a quantity, ours, theirs, and whether they are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from published_tables import ABSENT

from residue.lens.summaries.trajectories import Trajectories

RELATIVE = 1e-9


class Ledger:
    """The lines of the comparison."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def line(self, name: str, ours: Any, published: Any, verdict: str) -> None:
        self.counts[verdict] += 1
        print(f"{name}\t{as_text(ours)}\t{as_text(published)}\t{verdict}")

    def exact(
        self, name: str, ours: Any, published: Any, within: float = RELATIVE, absolute: bool = False
    ) -> None:
        """A quantity that must agree, where it was published."""
        if published is ABSENT:
            self.skip(name, "not published")
            return
        agrees = same(ours, published, within, absolute=absolute)
        self.line(name, ours, published, "agree" if agrees else "differs")

    def rounded(self, name: str, ours: float | None, published: Any) -> None:
        """A quantity that may have been published to three or four decimals."""
        if published is ABSENT:
            self.skip(name, "not published")
            return
        shapes = [ours] if ours is None else [ours, round(ours, 3), round(ours, 4)]
        agrees = any(same(shape, published) for shape in shapes)
        self.line(name, ours, published, "agree" if agrees else "differs")

    def wrong(
        self, name: str, ours: Any, published: Any, *, direct: Any, table: Any = ..., defect: bool
    ) -> None:
        """A quantity that is published wrongly: `defect` says that it shows the known defect.

        direct: the corrected value, recomputed; table: the same from the separate table, `...`
        where it has none. Where the defect happens to change nothing, ours must agree.
        """
        if published is ABSENT:
            self.skip(name, "not published")
            return
        right = same(ours, direct) and (table is ... or same(ours, table, 5.1e-4, absolute=True))
        if right and same(ours, published):
            self.line(name, ours, published, "agree")
        else:
            self.line(name, ours, published, "known-wrong" if right and defect else "differs")

    def skip(self, what: str, why: str) -> None:
        self.counts["skipped"] += 1
        print(f"{what}\t-\t-\tskipped: {why}")


def line_of(t: Trajectories, item: str) -> int:
    return int(np.flatnonzero(t.keys["item"] == item)[0])


def places_of(these: Trajectories, those: Trajectories) -> np.ndarray:
    """Where the prompts of `these` stand among `those`."""
    return pd.Index(those.keys["item"]).get_indexer(pd.Index(these.keys["item"]))


def row_of(value: Any) -> int | None:
    return None if value is None or np.isnan(value) else int(value)


def number_of(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def fraction_of(row: float, n: int) -> float | None:
    return None if np.isnan(row) else round(float(row) / n, 3)


def far(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return ~np.isclose(first, second, rtol=0, atol=1e-6, equal_nan=True)


def tail_of(path: str) -> str:
    return path.split("/", 2)[-1]


def same(ours: Any, published: Any, within: float = RELATIVE, *, absolute: bool = False) -> bool:
    if ours is None or published is None or isinstance(ours, str | bool | np.bool_):
        return ours is published or (ours is not None and ours == published)
    if isinstance(ours, list | tuple):
        if not isinstance(published, list | tuple) or len(ours) != len(published):
            return False
        return all(same(*pair, within) for pair in zip(ours, published, strict=True))
    if isinstance(published, str | bool | list | dict):
        return False
    if np.isnan(ours) or np.isnan(published):
        return bool(np.isnan(ours) and np.isnan(published))
    if isinstance(ours, int) and isinstance(published, int):
        return ours == published
    bound = within if absolute else within * max(abs(ours), abs(published))
    return bool(abs(ours - published) <= bound)


def as_text(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, list) and len(value) > 12:
        ends: Iterable[str] = (*map(as_text, value[:3]), "…", *map(as_text, value[-2:]))
        return f"[{', '.join(ends)}] ({len(value)})"
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    return "null" if value is None else str(value)
