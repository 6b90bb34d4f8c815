"""The recorded runs of one arm as batches of items, so that memory does not grow with a deck."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residue.models.head import Array, Head
from residue.records.row_batches import row_batches
from residue.records.store import RowsFile

PLACE = "last"
"""Where a row is read: the last token of the prompt, which predicts the answer's first."""

CONDITION = "plain"

MOST_LOGITS = 1 << 19
"""Logits of one row of a batch."""

LINES_PER_GROUP = 1 << 13


@dataclass(frozen=True)
class Run:
    """One trained seed of an arm on one pair, with the head that reads it."""

    pair: int
    seed: int
    path: Path
    """Its rows file."""
    head: Head

    @property
    def keys(self) -> dict[str, Any]:
        """Columns of its lines."""
        return {"pair": self.pair, "seed": self.seed, "condition": CONDITION}


@dataclass(frozen=True)
class Batch:
    """Some items of a run: row → vectors (items, width)."""

    run: Run
    items: list[str]
    rows: dict[int, Array]


def runs_of(
    runs: Sequence[Sequence[int]], rows: Sequence[Path], heads: Sequence[Path]
) -> list[Run]:
    """runs: (pair, seed) of each rows file; heads: head.safetensors and arch.json of each."""
    files = zip(heads[::2], heads[1::2], strict=True)
    return [
        Run(pair, seed, path, Head.load(*head))
        for (pair, seed), path, head in zip(runs, rows, files, strict=True)
    ]


def batches_of_runs(runs: Iterable[Run]) -> Iterator[Batch]:
    """Every item of every run; a large vocabulary makes batches smaller."""
    for run in runs:
        size = max(1, MOST_LOGITS // run.head.shape.vocabulary)
        for items, rows in row_batches(run.path, PLACE, size):
            yield Batch(run, items, rows)


def last_rows(path: Path) -> Iterator[tuple[int, list[str], Array]]:
    """(row, items, vectors) of a rows file, a row at a time."""
    file = RowsFile(path)
    for row in file.numbers:
        items, vectors = file.read(row, PLACE)
        yield row, items, vectors
