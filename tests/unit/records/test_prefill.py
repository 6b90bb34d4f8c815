"""Prefilled answers: the model is read with their beginning, and that counts as said."""

from __future__ import annotations

from typing import Any

import pandas as pd

from residue.records.queries import make_queries
from residue.records.recorder import record
from residue.specs.records import RecordsSpec

SPEC = RecordsSpec(max_new_tokens=6)


def test_the_beginning_moves_from_the_answer_to_the_prompt(
    tokenizer: Any, items: pd.DataFrame
) -> None:
    plain = {q.item: q for q in make_queries(tokenizer, items, SPEC, None)}
    given = {q.item: q for q in make_queries(tokenizer, items, SPEC, None, 1)}
    assert given.keys() == plain.keys()
    for item, query in given.items():
        before = plain[item]
        assert query.prompt + query.answer == before.prompt + before.answer
        assert query.given == before.answer[:1]
        if 0 < len(before.answer) <= 2:
            assert not query.fits
            assert "whole answer" in query.reason
        else:
            assert query.fits == before.fits


def test_what_is_said_begins_with_what_was_given(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    given = {q.item: q for q in make_queries(tokenizer, items, SPEC, None, 1) if q.fits}
    (batch, *_) = list(record(model, tokenizer, items, SPEC, prefill=1))
    said = batch.generations.to_pandas().set_index("item")
    for item, row in said.iterrows():
        if item in given and row["stop"] != "too_long" and given[item].given:
            assert tuple(row["ids"])[:1] == given[item].given
