"""Tables and JSON come back equal, whatever their texts are; the same content is the same bytes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hostile_text import STORABLE, any_text, storable
from hypothesis import given
from hypothesis import strategies as st

from residue.core import artifacts, provenance


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


rows = st.lists(st.tuples(storable, st.lists(storable, max_size=3)), max_size=6)


@given(rows=rows)
def test_tables_come_back_equal(folder: Path, rows: list[tuple[str, list[str]]]) -> None:
    table = pd.DataFrame(
        {
            "prompt": pd.Series([prompt for prompt, _ in rows], dtype="str"),
            "answers": pd.Series([answers for _, answers in rows], dtype=object),
        }
    )
    for name in ("one.parquet", "two.parquet"):
        artifacts.write_parquet(folder / name, table)
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()
    back = artifacts.read_parquet(folder / "one.parquet")
    assert back["prompt"].tolist() == [prompt for prompt, _ in rows]
    assert [list(answers) for answers in back["answers"]] == [answers for _, answers in rows]


def test_long_and_odd_texts_come_back_equal_one_by_one(folder: Path) -> None:
    for text in (*STORABLE, "x\0" * 500_000):
        artifacts.write_parquet(folder / "one.parquet", pd.DataFrame({"prompt": [text]}))
        assert artifacts.read_parquet(folder / "one.parquet")["prompt"].tolist() == [text]


@pytest.mark.parametrize("column", [["a \ud800"], [["fine", "a \ud800"]]])
def test_half_a_surrogate_pair_is_refused_with_the_text_and_the_mend(
    tmp_path: Path, column: list[object]
) -> None:
    table = pd.DataFrame({"prompt": pd.Series(column, dtype=object)})
    with pytest.raises(ValueError, match=r"items\.parquet: the text 'a \\ud800' .* mend it in"):
        artifacts.write_parquet(tmp_path / "items.parquet", table)
    assert not list(tmp_path.iterdir())


@given(value=st.dictionaries(any_text, any_text | st.none() | st.integers()))
def test_json_comes_back_equal_even_with_halves_of_pairs(folder: Path, value: dict) -> None:
    artifacts.write_json(folder / "one.json", value)
    assert artifacts.read_json(folder / "one.json") == value


@given(value=st.dictionaries(any_text, any_text))
def test_a_canonical_text_can_be_stored_and_read_back(value: dict) -> None:
    text = provenance.canonical(value)
    assert json.loads(text.encode("utf-8").decode("utf-8")) == value
    assert "\0" not in text, "no command line carries NUL"


def test_a_folder_of_odd_names_has_a_digest(tmp_path: Path) -> None:
    names = [b"a\nb", b"\x1b[31m", b"\xff\xfe", "نام".encode(), b"<b>&\"'", b"-rf *"]
    for name in names:
        (Path(str(tmp_path)) / name.decode("utf-8", "surrogateescape")).write_text("x")
    first = provenance.file_digest(tmp_path)
    (tmp_path / "-rf *").write_text("y")
    assert provenance.file_digest(tmp_path) != first


def test_several_tables_are_read_as_one_in_order(tmp_path: Path) -> None:
    for name in "ba":
        artifacts.write_parquet(tmp_path / name, pd.DataFrame({"item": [name]}))
    joined = artifacts.read_parquets([tmp_path / "b", tmp_path / "a"])
    assert joined["item"].tolist() == ["b", "a"]
    assert joined.index.tolist() == [0, 1]
