"""From arrays of one batch to the Arrow tables of the records, in the order of the queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from residue.records.store import GENERATIONS, TOKENS, rows_schema


@dataclass(frozen=True)
class Said:
    """What a model said for an item; the fields are those of the generations record."""

    ids: tuple[int, ...]
    text: str
    stop: str
    reason: str


@dataclass(frozen=True)
class TokenPart:
    """Tokens of one part of many items. Arrays (tokens,); owner: index of the item.

    numbers: by column name, NaN (rank: 0) where there is none.
    """

    part: str
    owner: np.ndarray
    position: np.ndarray
    ids: np.ndarray
    numbers: dict[str, np.ndarray]


@dataclass(frozen=True)
class Vectors:
    """Residual rows at one place. owner: (items,) indices; rows: (row, items, width) float32."""

    place: str
    owner: np.ndarray
    rows: np.ndarray


def token_part(
    part: str, texts: Sequence[Sequence[int]], numbers: dict[str, np.ndarray], unpredicted: int
) -> TokenPart:
    """Tokens of one part, item by item; the first `unpredicted` of each text have no numbers.

    numbers: arrays (predicted tokens,), NaN (rank: 0) where there is none.
    """
    lengths = [len(text) for text in texts]
    position = np.concatenate([np.arange(length) for length in lengths])
    spread = {}
    for column, values in numbers.items():
        spread[column] = np.full(len(position), 0 if column == "rank" else np.nan, values.dtype)
        spread[column][position >= unpredicted] = values
    owner = np.repeat(np.arange(len(texts)), lengths)
    ids = np.array([token for text in texts for token in text], np.int32)
    return TokenPart(part, owner, position, ids, spread)


def generation_table(items: Sequence[str], said: Sequence[Said]) -> pa.Table:
    """One line per item."""
    columns = [
        list(items),
        [each.text for each in said],
        [list(each.ids) for each in said],
        [each.stop for each in said],
        [each.reason for each in said],
    ]
    return _table(columns, GENERATIONS)


def token_table(items: Sequence[str], parts: Sequence[TokenPart]) -> pa.Table:
    """Lines by item, then part in the order given, then position."""
    owner = _joined([part.owner for part in parts], np.int64)
    order = np.argsort(owner, kind="stable")
    names = np.repeat([part.part for part in parts], [len(part.owner) for part in parts])
    columns: list[pa.Array] = [
        pa.array(items, pa.string()).take(owner[order]),
        _joined([part.position for part in parts], np.int32)[order],
        pa.array(names.astype(object)[order], pa.string()),
        _joined([part.ids for part in parts], np.int32)[order],
    ]
    for field in list(TOKENS)[4:]:
        dtype = field.type.to_pandas_dtype()
        nothing = 0 if field.name == "rank" else np.nan
        values = _joined(
            [
                part.numbers.get(field.name, np.full(len(part.owner), nothing, dtype))
                for part in parts
            ],
            dtype,
        )[order]
        missing = values == 0 if field.name == "rank" else ~np.isfinite(values)
        columns.append(pa.array(values, field.type, mask=missing))
    return _table(columns, TOKENS)


def row_table(
    items: Sequence[str], vectors: Sequence[Vectors], n_rows: int, width: int
) -> pa.Table:
    """Lines by item, then place in the order given; one fixed-size list per row."""
    owner = _joined([each.owner for each in vectors], np.int64)
    order = np.argsort(owner, kind="stable")
    places = np.repeat([each.place for each in vectors], [len(each.owner) for each in vectors])
    columns: list[pa.Array] = [
        pa.array(items, pa.string()).take(owner[order]),
        pa.array(places.astype(object)[order], pa.string()),
    ]
    for row in range(n_rows):
        values = _joined([each.rows[row].reshape(-1) for each in vectors], np.float32)
        flat = values.reshape(-1, width)[order].reshape(-1)
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), width))
    return _table(columns, rows_schema(n_rows, width))


def _joined(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(0, dtype)


def _table(columns: Sequence[object], schema: pa.Schema) -> pa.Table:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
