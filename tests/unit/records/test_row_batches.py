"""Batches of rows hold what the rows file holds, and only the place asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.records import store
from residue.records.recorder import record
from residue.records.row_batches import row_batches
from residue.specs.records import RecordsSpec


@pytest.fixture
def rows_file(llama: Any, tokenizer: Any, items: pd.DataFrame, tmp_path: Path) -> Path:
    spec = RecordsSpec(max_new_tokens=2, places=("mean", "last"))
    paths = [tmp_path / name for name in ("generations", "tokens", "rows")]
    store.write_records(record(llama, tokenizer, items, spec), *paths)
    return paths[2]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_batches_are_the_rows_of_the_place(rows_file: Path, size: int) -> None:
    whole = store.RowsFile(rows_file)
    batches = list(row_batches(rows_file, "last", size))
    assert all(len(items) <= size for items, _ in batches)
    for row in whole.numbers:
        items, vectors = whole.read(row, "last")
        assert [item for names, _ in batches for item in names] == items
        np.testing.assert_array_equal(np.concatenate([rows[row] for _, rows in batches]), vectors)


def test_a_place_that_was_not_recorded_is_named(rows_file: Path) -> None:
    with pytest.raises(ValueError, match="holds no rows at 'answer-9'"):
        list(row_batches(rows_file, "answer-9", 4))
