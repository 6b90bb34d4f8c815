"""All residual rows of a deck, a batch of items at a time: what reading every row needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

RowBatch = tuple[list[str], dict[int, np.ndarray]]
"""Items, and row number → vectors (items, width) float32."""


def row_batches(path: str | os.PathLike[str], place: str, size: int) -> Iterator[RowBatch]:
    """Batches of at most `size` items of a rows file at one place, in the order of the file.

    Raises `ValueError` where the file holds no line of that place.
    """
    seen = False
    for batch in pq.ParquetFile(path).iter_batches(batch_size=size):
        chosen = batch.filter(pc.equal(batch.column("place"), place))
        if not chosen.num_rows:
            continue
        seen = True
        yield (
            chosen.column("item").to_pylist(),
            {
                int(name.removeprefix("row_")): _vectors(chosen.column(name))
                for name in chosen.schema.names
                if name.startswith("row_")
            },
        )
    if not seen:
        raise ValueError(f"{path} holds no rows at '{place}'; add it to records.places.")


def _vectors(column: object) -> np.ndarray:
    width = column.type.list_size  # type: ignore[attr-defined]
    flat: np.ndarray = column.flatten().to_numpy()  # type: ignore[attr-defined]
    return flat.reshape(-1, width)
