"""Streams hold what a model alone holds at each token, whatever the batches, and read in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from residue.models.blocks import row_hooks
from residue.models.encoding import encode_answer, encode_prompt
from residue.records import stream
from residue.records.stream import StreamFile, write_stream
from residue.records.texts import record_texts

ALL = {"fit": 10_000, "held_out": 10_000}


@pytest.fixture(scope="module")
def corpus() -> pd.DataFrame:
    """Forty texts of one or two words, 30 to fit on; some have no answer."""
    rng = np.random.default_rng(3)

    def word() -> str:
        return "".join(rng.choice(list("abcdefgh"), size=rng.integers(1, 9)))

    rows = []
    for number in range(40):
        prompt, answer = word(), word() if number % 4 else ""
        rows.append(
            {
                "text": f"t{number}",
                "document": f"{prompt} {answer}" if answer else prompt,
                "answer": answer,
                "split": "fit" if number < 30 else "held_out",
            }
        )
    return pd.DataFrame(rows)


def test_each_token_has_the_rows_of_its_text_read_alone(
    model: Any, tokenizer: Any, corpus: pd.DataFrame, tmp_path: Path
) -> None:
    write_stream(record_texts(model, tokenizer, corpus, ALL, [], batch_tokens=64), tmp_path / "s")
    file = StreamFile(tmp_path / "s")
    with row_hooks(model) as rows:
        model(input_ids=torch.tensor([[1, 5, 6]]))
        assert file.rows == list(range(len(rows)))
        for split in ("fit", "held_out"):
            keys = file.read_all(split)
            values = {row: file.read(row, split) for row in file.rows}
            for text, part in keys.groupby("text"):
                line = corpus.set_index("text").loc[text]
                prompt = line["document"].removesuffix(line["answer"]).removesuffix(" ")
                answer = encode_answer(tokenizer, line["answer"])[:-1] if line["answer"] else []
                ids = encode_prompt(tokenizer, prompt) + answer
                assert part["id"].tolist() == ids[1:]
                assert part["position"].tolist() == list(range(1, len(ids)))
                with torch.inference_mode():
                    model(input_ids=torch.tensor([ids]))
                for row in file.rows:
                    alone = rows[row][0, 1:].numpy()
                    np.testing.assert_allclose(values[row][part.index], alone, rtol=1e-4, atol=1e-5)


def test_a_stream_stops_at_its_size_and_keeps_the_rows_asked_for(
    llama: Any, tokenizer: Any, corpus: pd.DataFrame, tmp_path: Path
) -> None:
    most = {"fit": 50, "held_out": 20}
    write_stream(record_texts(llama, tokenizer, corpus, most, [2, 0]), tmp_path / "s")
    file = StreamFile(tmp_path / "s")
    assert file.rows == [2, 0]
    assert 50 - 18 < file.n("fit") <= 50
    assert 0 < file.n("held_out") <= 20
    # In the order of the corpus: the first texts, none left out.
    chosen = file.read_all("fit", ["text"])["text"].nunique()
    assert set(file.read_all("fit", ["text"])["text"]) == {f"t{n}" for n in range(chosen)}
    with pytest.raises(ValueError, match=r"has no row_1; it holds rows \[2, 0\]"):
        file.read(1, "fit")


def test_a_row_beyond_the_model_is_refused(llama: Any, tokenizer: Any, corpus: Any) -> None:
    with pytest.raises(ValueError, match="row 9 does not exist: the model has rows 0 to 3"):
        list(record_texts(llama, tokenizer, corpus, ALL, [9]))


def test_two_recordings_are_the_same_bytes_and_cuts_do_not_show(
    llama: Any, tokenizer: Any, corpus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TOKENS_PER_GROUP", 16)
    tables = list(record_texts(llama, tokenizer, corpus, ALL, [], batch_tokens=40))
    again = record_texts(llama, tokenizer, corpus, ALL, [], batch_tokens=40)
    for name, parts in (("one", tables), ("two", again), ("whole", [pa.concat_tables(tables)])):
        write_stream(parts, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.fixture
def numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StreamFile:
    """A stream of 100 tokens whose vector is their number; each fourth is held out."""
    monkeypatch.setattr(stream, "TOKENS_PER_GROUP", 7)
    monkeypatch.setattr(stream, "GROUPS_MIXED", 3)
    n = np.arange(100, dtype=np.float32)
    table = pa.table(
        [
            pa.array([f"t{k // 5}" for k in range(100)]),
            pa.array(np.arange(100, dtype=np.int32)),
            pa.array(np.arange(100, dtype=np.int32)),
            pa.array(["held_out" if k % 4 == 0 else "fit" for k in range(100)]),
            pa.FixedSizeListArray.from_arrays(np.repeat(n, 2), 2),
        ],
        schema=stream.stream_schema([4], 2),
    )
    write_stream([table], tmp_path / "numbered")
    assert pq.read_metadata(tmp_path / "numbered").num_row_groups == 15
    return StreamFile(tmp_path / "numbered")


@pytest.mark.parametrize("size", [1, 8, 1000])
def test_batches_give_each_token_of_the_split_once_in_an_order_of_the_seed(
    numbered: StreamFile, size: int
) -> None:
    def order(seed: int) -> list[float]:
        batches = list(numbered.batches(4, "fit", size, seed))
        assert all(0 < len(batch) <= size and batch.shape[1] == 2 for batch in batches)
        if size == 8:
            assert [len(batch) for batch in batches] == [8] * 9 + [3]
        return [float(value) for batch in batches for value in batch[:, 0]]

    wanted = [float(k) for k in range(100) if k % 4]
    assert numbered.n("fit") == 75
    assert numbered.read(4, "fit")[:, 0].tolist() == wanted
    assert sorted(order(0)) == wanted
    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != wanted


def test_parts_in_order_hold_each_token_with_its_text(numbered: StreamFile) -> None:
    parts = list(numbered.in_order(4, "fit"))
    assert len(parts) == 15
    assert np.array_equal(np.concatenate([h for _, h in parts]), numbered.read(4, "fit"))
    texts = [text for names, _ in parts for text in names]
    assert texts == numbered.read_all("fit")["text"].tolist()


def test_an_unknown_split_is_empty(numbered: StreamFile) -> None:
    assert numbered.n("nothing") == 0
    assert list(numbered.batches(4, "nothing", 8, 0)) == []
    assert numbered.read(4, "nothing").shape == (0, 2)
