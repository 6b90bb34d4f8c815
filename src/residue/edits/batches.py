"""Which items each update sees: a pure function of the seed and the update's number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.core.seeds import derive
from residue.edits.answers import Example, encode

if TYPE_CHECKING:
    import pandas as pd

Views = tuple[Example, ...]
"""One item as trained on: one example, or several views of it (clean and injected, two answers)."""
Batch = Mapping[str, Sequence[Views]]
"""The items of one update by role, see `specs.training.ROLES`."""
CLEAN, ATTACKED, OBEYING = 0, 1, 2
"""Views of a twin: the clean prompt with the right answer, the attacked prompt with the same, and
the attacked prompt with what obeying the hidden order would say."""


@dataclass(frozen=True)
class Batches:
    """Draws without replacement, epoch after epoch; call it with the number of the update.

    An epoch's end is no edge: the stream runs on into the next permutation, so that every batch is
    full and every item is seen equally often. Nothing is remembered between calls, so a resumed
    run sees the same batches.
    """

    pools: Mapping[str, Sequence[Views]]
    sizes: Mapping[str, int]
    seed: int

    def __post_init__(self) -> None:
        for role in self.sizes:
            if not self.pools.get(role):
                raise ValueError(
                    f"the edit data holds no {role} items; give some, or an objective without them"
                )

    def __call__(self, step: int) -> dict[str, list[Views]]:
        """The batch of update `step` (from 0)."""
        return {role: self._draw(role, step) for role in self.sizes}

    def _draw(self, role: str, step: int) -> list[Views]:
        pool, size = self.pools[role], self.sizes[role]
        places = range(step * size, (step + 1) * size)
        return [
            pool[
                _permutation(len(pool), derive(self.seed, role, place // len(pool)))[
                    place % len(pool)
                ]
            ]
            for place in places
        ]


@lru_cache(maxsize=16)
def _permutation(n: int, seed: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).permutation(n).tolist())


def pools(tokenizer: Any, data: pd.DataFrame) -> dict[str, list[Views]]:
    """Edit data by set as single-view items; data: item, set, prompt, answer."""
    found: dict[str, list[Views]] = {}
    rows = zip(data["set"], data["item"], data["prompt"], data["answer"], strict=True)
    for name, item, prompt, answer in rows:
        found.setdefault(name, []).append((encode(tokenizer, item, prompt, answer),))
    return found


def preferences(
    tokenizer: Any, data: pd.DataFrame, refusals: Mapping[str, Sequence[str]]
) -> list[Views]:
    """The forget items with two views each: the answer to forget, and one to prefer to it.

    That is the edit data's ``alternate``; where the column is absent or empty, a refusal in the
    item's language (the first language listed if it has none), drawn by the item's name, and a
    `ValueError` where there are no refusals.
    """
    rows = data[data["set"] == "forget"].to_dict("records")
    return [
        (
            encode(tokenizer, str(row["item"]), str(row["prompt"]), str(row["answer"])),
            encode(tokenizer, str(row["item"]), str(row["prompt"]), _preferred(row, refusals)),
        )
        for row in rows
    ]


def _preferred(row: Mapping[Any, Any], refusals: Mapping[str, Sequence[str]]) -> str:
    given = row.get("alternate")
    if isinstance(given, str) and given.strip():
        return given
    if not refusals:
        raise ValueError(
            f"the edit data gives no alternate for item {row['item']}; name a column under "
            "data.columns.alternate, or take the objective dpo, which prefers a refusal"
        )
    listed = refusals.get(str(row.get("language")), next(iter(refusals.values())))
    return listed[derive("refusal", str(row["item"])) % len(listed)]


def micro_batches(batch: Batch, limit: int | None) -> Iterator[dict[str, Sequence[Views]]]:
    """Cut a batch into parts of about `limit` examples, every role spread over all parts."""
    total = sum(len(views) for units in batch.values() for views in units)
    parts = max(1, ceil(total / limit)) if limit else 1
    for part in range(parts):
        micro = {
            role: units[part * len(units) // parts : (part + 1) * len(units) // parts]
            for role, units in batch.items()
        }
        if any(micro.values()):
            yield micro
