"""Record files: same bytes however they were streamed, and open to any Parquet reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residue.records import store
from residue.records.recorder import record
from residue.specs.records import RecordsSpec

NAMES = ("generations", "tokens", "rows")


def written(folder: Path, batches: Iterator[store.RecordBatch]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{name}.parquet" for name in NAMES]
    store.write_records(batches, *paths)
    return paths


@pytest.fixture
def batches(llama: Any, tokenizer: Any, items: pd.DataFrame) -> list[store.RecordBatch]:
    spec = RecordsSpec(max_new_tokens=4, places=("last", "mean"), prompt_tokens="scores")
    return list(record(llama, tokenizer, items, spec, batch_tokens=80))


def test_bytes_do_not_show_how_the_stream_was_cut(
    tmp_path: Path, batches: list[store.RecordBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TOKENS_PER_GROUP", 50)
    monkeypatch.setattr(store, "ROWS_PER_GROUP", 5)
    whole = store.RecordBatch(
        *(pa.concat_tables([getattr(batch, name) for batch in batches]) for name in NAMES)
    )
    cut = written(tmp_path / "cut", iter(batches))
    one = written(tmp_path / "one", iter([whole]))
    assert len(batches) > 3
    assert [path.read_bytes() for path in cut] == [path.read_bytes() for path in one]
    lines = pq.ParquetFile(cut[2]).metadata
    assert [lines.row_group(i).num_rows for i in range(lines.num_row_groups)][:-1] == [5] * 9
    assert pq.read_table(cut[1]).equals(whole.tokens)


def test_the_writer_holds_at_most_one_row_group(tmp_path: Path) -> None:
    table = pa.table({"item": [f"i{n}" for n in range(7)]})
    with store.TableWriter(tmp_path / "lines.parquet", 10) as file:
        for _ in range(20):
            file.write(table)
            assert file._n_waiting < 10
    assert pq.read_metadata(tmp_path / "lines.parquet").num_rows == 140


def test_readers_give_back_what_was_recorded(
    tmp_path: Path, batches: list[store.RecordBatch], items: pd.DataFrame
) -> None:
    generations, tokens, rows = written(tmp_path / "records", iter(batches))
    assert set(store.read_generations(generations)["item"]) == set(items["item"])
    assert list(store.read_tokens(tokens, ["item", "rank"]).columns) == ["item", "rank"]
    assert store.RowsFile(rows).numbers == [0, 1, 2, 3]
    names, vectors = store.RowsFile(rows).read(3, "mean")
    assert sorted(names) == sorted(items["item"])
    assert vectors.shape == (len(items), 16)
    table = pd.concat([batch.rows.to_pandas() for batch in batches]).query("place == 'mean'")
    np.testing.assert_array_equal(vectors, np.stack(table["row_3"].to_list()))
    with pytest.raises(ValueError, match=r"no row_9; it holds rows \[0, 1, 2, 3\]"):
        store.RowsFile(rows).read(9, "mean")
    with pytest.raises(ValueError, match="column 'position' is not of this record"):
        store.read_generations(tokens)


def test_files_have_the_fixed_schemas(tmp_path: Path, batches: list[store.RecordBatch]) -> None:
    generations, tokens, rows = written(tmp_path / "records", iter(batches))
    assert pq.read_schema(generations).equals(store.GENERATIONS)
    assert pq.read_schema(tokens).equals(store.TOKENS)
    assert pq.read_schema(rows).equals(store.rows_schema(4, 16))


def test_polars_reads_rows_as_arrays(tmp_path: Path, batches: list[store.RecordBatch]) -> None:
    polars = pytest.importorskip("polars", reason="polars is a test extra")
    _, tokens, rows = written(tmp_path / "records", iter(batches))
    table = polars.read_parquet(rows)
    assert table.schema["row_0"] == polars.Array(polars.Float32, 16)
    names, vectors = store.RowsFile(rows).read(2, "last")
    mine = table.filter(polars.col("place") == "last")
    assert mine["item"].to_list() == names
    np.testing.assert_array_equal(mine["row_2"].to_numpy(), vectors)
    assert polars.read_parquet(tokens)["kl_to_base"].null_count() == table_length(tokens)


def test_duckdb_computes_on_tokens_and_rows(
    tmp_path: Path, batches: list[store.RecordBatch]
) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is a test extra")
    _, tokens, rows = written(tmp_path / "records", iter(batches))
    query = f"select avg(logp), count(rank) from '{tokens}' where part = 'answer'"
    mean, n = duckdb.sql(query).fetchall()[0]
    answers = store.read_tokens(tokens).query("part == 'answer'")
    assert n == len(answers)
    assert mean == pytest.approx(answers["logp"].mean(), rel=1e-5)
    first = duckdb.sql(f"select item, row_1[1] from '{rows}' where place = 'last'").fetchall()
    names, vectors = store.RowsFile(rows).read(1, "last")
    assert first == list(zip(names, vectors[:, 0].tolist(), strict=True))


def test_an_empty_deck_is_an_error(
    tmp_path: Path, llama: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="the deck has no items"):
        written(tmp_path / "records", record(llama, tokenizer, items.iloc[:0], RecordsSpec()))


def table_length(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
