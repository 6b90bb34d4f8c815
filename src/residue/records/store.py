"""Records on disk: Parquet files with fixed schemas, streamed, the same bytes for the same content.

| file | one line per | holds |
|---|---|---|
| generations | item | what the model said |
| tokens | item, part, position | how it reads the prompt and the first accepted answer |
| rows | item, place | what it held: row_0 … row_n |

Any Parquet reader opens them; nothing here is a private format.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd

GENERATIONS = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("ids", pa.list_(pa.int32()), nullable=False),
        pa.field("stop", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""What a model said. `ids` leave the end token out; `text` is their decoding, special tokens shown.

stop: `eos` the model ended; `empty` it ended at once; `length` it had to be stopped; `too_long` the
prompt and answer do not fit the model, which was not asked; `failed` its logits were not finite;
`absent` the model is known by files of outputs alone, and they hold no text for the item.
reason: a sentence where something is missing, else empty.
"""

TOKENS = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("id", pa.int32(), nullable=False),
        pa.field("logp", pa.float32()),
        pa.field("rank", pa.int32()),
        pa.field("entropy", pa.float32()),
        pa.field("logp_deviation", pa.float32()),
        pa.field("kl_to_base", pa.float32()),
        pa.field("kl_from_base", pa.float32()),
    ]
)
"""How a model reads a text, teacher-forced. part: `prompt`, `answer` (the first accepted answer
and, last, the end token), or `distractor-k` (a wrong answer, likewise); position counts from 0
within the part. Of the law p that predicts the token: `logp` of the token, nats; `rank`, 1 the most
likely, ties counted against the token; `entropy` of p, nats; `logp_deviation`, the standard
deviation of log p under p, nats; `kl_to_base`, KL(p ‖ p of the base), and `kl_from_base`, KL(p of
the base ‖ p), nats. Null where nothing predicts the token (the first of the prompt), where the law
was not asked for, or where there was no base in the same load.
"""

TOKENS_PER_GROUP = 1 << 15
ROWS_PER_GROUP = 1 << 10


def rows_schema(n_rows: int, width: int) -> pa.Schema:
    """Schema of residual rows: row_0 (embeddings) … row_n (input of the final norm), float32."""
    vector = pa.list_(pa.float32(), width)
    return pa.schema(
        [
            pa.field("item", pa.string(), nullable=False),
            pa.field("place", pa.string(), nullable=False),
            *(pa.field(f"row_{row}", vector, nullable=False) for row in range(n_rows)),
        ]
    )


@dataclass(frozen=True)
class RecordBatch:
    """Records of some items: three Arrow tables with the schemas of this module."""

    generations: pa.Table
    tokens: pa.Table
    rows: pa.Table


class TableWriter:
    """One Parquet file, written as tables come; at most one row group waits in memory.

    Row groups have a fixed number of lines, so the bytes do not show how the tables were cut.
    """

    def __init__(self, path: str | os.PathLike[str], lines_per_group: int) -> None:
        self._path = Path(path)
        self._lines = lines_per_group
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0
        self._file: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Take a table; all tables of a file share one schema."""
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="zstd",
                use_dictionary=_columns(table.schema, floating=False),
                use_byte_stream_split=_columns(table.schema, floating=True),
            )
        self._waiting.append(table)
        self._n_waiting += table.num_rows
        if self._n_waiting >= self._lines:
            whole = pa.concat_tables(self._waiting)
            full = whole.num_rows - whole.num_rows % self._lines
            self._flush(whole.slice(0, full))
            self._waiting = [whole.slice(full)]
            self._n_waiting = whole.num_rows - full

    def _flush(self, table: pa.Table) -> None:
        assert self._file is not None
        # combine_chunks copies, so the slice no longer holds the memory it was cut from.
        self._file.write_table(table.combine_chunks(), row_group_size=self._lines)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
        if kind is None and self._n_waiting:
            self._flush(pa.concat_tables(self._waiting))
        self._file.close()


def _columns(schema: pa.Schema, *, floating: bool) -> list[str]:
    """Parquet paths of the columns that hold floats, or of all others.

    Floats hardly repeat: a dictionary of them costs time and space, while their bytes, split by
    significance, compress (residual rows by two fifths).
    """
    paths = []
    for field in schema:
        nested = pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type)
        inner = field.type.value_type if nested else field.type
        if pa.types.is_floating(inner) == floating:
            paths.append(f"{field.name}.list.element" if nested else field.name)
    return paths


def write_records(
    batches: Iterable[RecordBatch],
    generations: str | os.PathLike[str],
    tokens: str | os.PathLike[str],
    rows: str | os.PathLike[str],
) -> int:
    """Stream batches into three Parquet files; returns the number of items.

    Memory holds one batch and at most one row group of each file.
    """
    n_items = 0
    with ExitStack() as stack:
        files = {
            "generations": stack.enter_context(TableWriter(generations, TOKENS_PER_GROUP)),
            "tokens": stack.enter_context(TableWriter(tokens, TOKENS_PER_GROUP)),
            "rows": stack.enter_context(TableWriter(rows, ROWS_PER_GROUP)),
        }
        for batch in batches:
            n_items += batch.generations.num_rows
            for name, file in files.items():
                file.write(getattr(batch, name))
    if not n_items:
        raise ValueError("nothing was recorded: the deck has no items; add items to its file.")
    return n_items


def read_generations(path: str | os.PathLike[str]) -> pd.DataFrame:
    """What a model said, one line per item."""
    return _read(path, GENERATIONS)


def read_tokens(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """How a model read its items; `columns` spares what a metric does not need."""
    return _read(path, TOKENS, columns)


class RowsFile:
    """Residual rows of a deck, read one row at a time: memory holds one (items, width) array."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        names = pq.read_schema(path).names
        self.numbers = [int(n.removeprefix("row_")) for n in names if n.startswith("row_")]
        """The rows that the file holds, 0 … n."""

    def read(self, row: int, place: str) -> tuple[list[str], np.ndarray]:
        """Items and their vectors (items, width) float32 at one row and place."""
        column = f"row_{row}"
        if row not in self.numbers:
            raise ValueError(f"{self._path} has no {column}; it holds rows {self.numbers}.")
        table = pq.read_table(self._path, columns=["item", column], filters=[("place", "=", place)])
        vectors = table[column].combine_chunks()
        width = vectors.type.list_size
        return table["item"].to_pylist(), vectors.flatten().to_numpy().reshape(-1, width)


def _read(
    path: str | os.PathLike[str], schema: pa.Schema, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    table = pq.read_table(path, columns=list(columns) if columns else None)
    for name in table.column_names:
        if name not in schema.names or table.schema.field(name).type != schema.field(name).type:
            raise ValueError(
                f"{path}: column '{name}' is not of this record; write the file anew with the "
                "recorder of this version."
            )
    frame: pd.DataFrame = table.to_pandas()
    return frame
