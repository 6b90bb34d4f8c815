"""The row at which an answer first comes first, on rows and a head whose readings are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from residue.measure.metrics import first_rank_row
from residue.models.head import Head, HeadShape
from residue.records import store

WIDTH = 4


@pytest.fixture
def head() -> Head:
    """Token t is read off coordinate t: the norm only scales, the unembedding is the identity."""
    shape = HeadShape("llama", 3, WIDTH, WIDTH, "rms", 1e-6, None, 1.0, False, {})
    one = np.ones(WIDTH, np.float32)
    eye = np.eye(WIDTH, dtype=np.float32)
    return Head(shape, {"final_norm.weight": one, "unembedding.weight": eye})


def rows_file(path: Path, readings: dict[str, list[int]]) -> store.RowsFile:
    """Rows 0 … 3 of each item, pointing at the given tokens."""
    n_rows = len(next(iter(readings.values())))
    columns: dict[str, Any] = {"item": list(readings), "place": ["last"] * len(readings)}
    for row in range(n_rows):
        points = [np.eye(WIDTH, dtype=np.float32)[tokens[row]] for tokens in readings.values()]
        columns[f"row_{row}"] = [point.tolist() for point in points]
    table = pa.table(columns, schema=store.rows_schema(n_rows, WIDTH))
    with store.TableWriter(path, 8) as file:
        file.write(table)
    return store.RowsFile(path)


def test_the_first_row_is_found_and_row_zero_never_counts(
    tmp_path: Path, head: Head, make_items: Any, make_tokens: Any
) -> None:
    readings = {"early": [2, 2, 0, 2], "late": [2, 0, 0, 2], "never": [2, 0, 1, 3]}
    tokens = make_tokens({name: [(-0.1, 1), (-0.1, 1)] for name in readings})
    tokens = tokens.assign(id=2)
    items = make_items(*({"item": name} for name in [*readings, "unrecorded"]))
    records = {
        "rows": rows_file(tmp_path / "rows.parquet", readings),
        "head": head,
        "tokens": tokens,
    }
    table = first_rank_row.measure(records, items).set_index("item")
    assert table.loc["early", "value"] == 1.0
    assert table.loc["late", "value"] == 3.0
    assert table.loc["never", ["status", "reason"]].tolist() == ["unscorable", first_rank_row.NEVER]
    assert table.loc["unrecorded", "status"] == "failed"
