"""Items of any text are asked, answered and kept letter for letter; one that cannot be says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from hostile_text import STORABLE

from residue.records.recorder import record
from residue.records.store import read_generations, write_records
from residue.records.tables import Said, generation_table
from residue.specs.records import RecordsSpec


def test_every_item_keeps_its_name_and_gets_a_line(
    llama: Any, tokenizer: Any, tmp_path: Path
) -> None:
    items = pd.DataFrame(
        {
            "item": [f"{number} {text}" for number, text in enumerate(STORABLE)],
            "prompt": STORABLE,
            "answers": [[text] for text in STORABLE],
            "witness": STORABLE,
        }
    )
    files = [tmp_path / name for name in ("generations", "tokens", "rows")]
    assert write_records(record(llama, tokenizer, items, RecordsSpec()), *files) == len(STORABLE)
    said = read_generations(files[0]).set_index("item")
    assert set(said.index) == set(items["item"])
    for item, prompt in zip(items["item"], items["prompt"], strict=True):
        line = said.loc[item]
        if line["stop"] == "too_long":
            assert "the model reads 64" in line["reason"]
        elif not prompt.strip():
            assert line["reason"] == "no accepted answer"
        else:
            assert line["reason"] == ""


def test_texts_come_back_letter_for_letter(llama: Any, tokenizer: Any, tmp_path: Path) -> None:
    one = pd.DataFrame({"item": ["a"], "prompt": ["b"], "answers": [["c"]]})
    batch = next(record(llama, tokenizer, one, RecordsSpec()))
    names = [f"item {number}" for number in range(len(STORABLE))]
    said = generation_table(names, [Said((1,), text, "eos", "") for text in STORABLE])
    files = [tmp_path / name for name in ("generations", "tokens", "rows")]
    write_records([replace(batch, generations=said)], *files)
    assert read_generations(files[0])["text"].tolist() == list(STORABLE)
