"""Batches of queries: within their budget, complete, and blind to the order of items."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residue.records.queries import Query, batches, make_queries
from residue.specs.fields import SpecError, load
from residue.specs.records import RecordsSpec


@given(lengths=st.lists(st.integers(1, 50), max_size=60), budget=st.integers(1, 200))
def test_batches_keep_the_budget_and_every_query(lengths: list[int], budget: int) -> None:
    queries = [
        Query(f"{n}", (1,) * length, (), 4, "", True) for n, length in enumerate(sorted(lengths))
    ]
    found = list(batches(queries, budget))
    assert [query for batch in found for query in batch] == queries
    for batch in found:
        assert len(batch) == 1 or max(q.length for q in batch) * len(batch) <= budget
    for batch, following in zip(found, found[1:], strict=False):
        # None could have taken the first query of the next.
        assert following[0].length * (len(batch) + 1) > budget


def test_queries_come_by_length_then_item(tokenizer: Any, items: pd.DataFrame) -> None:
    spec = RecordsSpec()
    queries = make_queries(tokenizer, items, spec, None)
    keys = [(query.length, query.item) for query in queries]
    assert keys == sorted(keys)
    shuffled = items.sample(frac=1.0, random_state=3)
    assert make_queries(tokenizer, shuffled, spec, None) == queries


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"max_new_tokens": 0}, "records.max_new_tokens"),
        ({"places": ["first"]}, "records.places"),
        ({"places": ["answer-01"]}, "records.places"),
        ({"places": ["last", "last"]}, "records.places"),
        ({"prompt_tokens": "law"}, "records.prompt_tokens"),
    ],
)
def test_a_wrong_key_is_named(section: dict[str, Any], key: str) -> None:
    with pytest.raises(SpecError) as fault:
        load(RecordsSpec, section, "records")
    assert fault.value.key.startswith(key)
