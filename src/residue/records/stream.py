"""Token streams on disk: residual rows of every token of a corpus, written and read in parts.

A stream is a Parquet file, one line per token in the order of the corpus' splits: `text`,
`position` (in the text, the start token at 0 and left out), `id` of the token, `split`, and one
vector per row that is kept, before any norm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from residue.records.store import TableWriter

if TYPE_CHECKING:
    import pandas as pd

TOKENS_PER_GROUP = 1 << 12
"""Lines of a row group, the unit of reading."""

GROUPS_MIXED = 8
"""Row groups that `batches` holds and shuffles at a time."""

KEYS = ("text", "position", "id", "split")


def stream_schema(rows: Sequence[int], width: int) -> pa.Schema:
    """Schema of a stream that keeps the given rows of a model of this width."""
    vector = pa.list_(pa.float32(), width)
    return pa.schema(
        [
            pa.field("text", pa.string(), nullable=False),
            pa.field("position", pa.int32(), nullable=False),
            pa.field("id", pa.int32(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            *(pa.field(f"row_{row}", vector, nullable=False) for row in rows),
        ]
    )


def write_stream(tables: Iterable[pa.Table], path: str | os.PathLike[str]) -> int:
    """Stream tables of one `stream_schema` into a file; returns the number of tokens.

    Memory holds one table and at most one row group. The bytes do not show how tables were cut.
    """
    n = 0
    with TableWriter(path, TOKENS_PER_GROUP) as file:
        for table in tables:
            n += table.num_rows
            file.write(table)
    if not n:
        raise ValueError("nothing was recorded: the corpus has no texts; raise streams.documents.")
    return n


class StreamFile:
    """A stream, read one row at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._file = pq.ParquetFile(path)
        schema = self._file.schema_arrow
        self.rows: list[int] = [
            int(name.removeprefix("row_")) for name in schema.names if name.startswith("row_")
        ]
        """The rows that the stream keeps, in order."""
        self.width = int(schema.field(f"row_{self.rows[0]}").type.list_size)
        """Size of a vector."""
        self._counted: dict[str, list[int]] = {}

    def n(self, split: str) -> int:
        """Number of tokens of a split, `fit` or `held_out`."""
        return sum(self._counts(split))

    def read(self, row: int, split: str) -> np.ndarray:
        """Vectors (n, width) float32 of one row, in the order of the file."""
        parts = [
            self._vectors(group, row)[self._mask(group, split)] for group in self._groups(split)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.float32)

    def read_all(self, split: str, columns: Sequence[str] = KEYS) -> pd.DataFrame:
        """Columns of all tokens of a split, in the order of `read`."""
        table = self._file.read(columns=[*columns, "split"])
        chosen = pc.equal(table["split"], split)
        frame: pd.DataFrame = table.filter(chosen).select(list(columns)).to_pandas()
        return frame

    def in_order(self, row: int, split: str) -> Iterator[tuple[list[str], np.ndarray]]:
        """Parts of a split in the order of `read`: the text of each token, and its vectors."""
        for group in self._groups(split):
            texts = self._file.read_row_group(group, columns=["text"])["text"]
            mask = self._mask(group, split)
            yield texts.filter(pa.array(mask)).to_pylist(), self._vectors(group, row)[mask]

    def batches(self, row: int, split: str, size: int, seed: int) -> Iterator[np.ndarray]:
        """Vectors (size, width) of one row, each token once, in an order given by the seed; the
        last batch may be smaller.

        Row groups come in random order and `GROUPS_MIXED` of them are shuffled together, so that
        memory does not grow with the stream.
        """
        rng = np.random.default_rng(seed)
        counts = self._counts(split)
        groups = [int(group) for group in rng.permutation(len(counts)) if counts[group]]
        rest = np.empty((0, self.width), np.float32)
        for start in range(0, len(groups), GROUPS_MIXED):
            held = [
                self._vectors(group, row)[self._mask(group, split)]
                for group in groups[start:][:GROUPS_MIXED]
            ]
            mixed = np.concatenate([rest, *held])
            mixed = mixed[rng.permutation(len(mixed))]
            whole = len(mixed) - len(mixed) % size
            yield from (mixed[at : at + size] for at in range(0, whole, size))
            rest = mixed[whole:].copy()
        if len(rest):
            yield rest

    def _counts(self, split: str) -> list[int]:
        """Number of a split's tokens in each row group; all that is kept of a file's length."""
        if split not in self._counted:
            groups = range(self._file.num_row_groups)
            self._counted[split] = [int(self._mask(group, split).sum()) for group in groups]
        return self._counted[split]

    def _groups(self, split: str) -> list[int]:
        return [group for group, count in enumerate(self._counts(split)) if count]

    def _mask(self, group: int, split: str) -> np.ndarray:
        column = self._file.read_row_group(group, columns=["split"])["split"]
        mask: np.ndarray = pc.equal(column, split).to_numpy()
        return mask

    def _vectors(self, group: int, row: int) -> np.ndarray:
        if row not in self.rows:
            raise ValueError(f"{self._path} has no row_{row}; it holds rows {self.rows}.")
        column = self._file.read_row_group(group, columns=[f"row_{row}"])[f"row_{row}"]
        flat = column.combine_chunks().flatten().to_numpy()
        vectors: np.ndarray = flat.reshape(-1, self.width)
        return vectors
