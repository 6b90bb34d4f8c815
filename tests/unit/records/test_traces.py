from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from residue.models.encoding import encode_prompt
from residue.records.recorder import record
from residue.records.traces import trace, traced_items
from residue.specs.records import RecordsSpec


def test_the_last_position_of_a_trace_is_the_recorded_row(
    model: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    few = items.head(3)
    table = trace(model, tokenizer, few).to_pandas()
    (batch,) = record(model, tokenizer, few, RecordsSpec(max_new_tokens=1))
    rows = batch.rows.to_pandas().set_index("item")
    for item, prompt in zip(few["item"], few["prompt"], strict=True):
        mine = table[table["item"] == item]
        assert mine["id"].tolist() == encode_prompt(tokenizer, prompt)
        assert mine["position"].tolist() == list(range(len(mine)))
        for name in [name for name in table if name.startswith("row_")]:
            np.testing.assert_allclose(mine[name].iloc[-1], rows.at[item, name], atol=2e-5)


def test_traced_prompts_are_known_and_short_one_per_language() -> None:
    items = pd.DataFrame(
        [
            ("long", "en", "forget_test", "orig", "a long prompt"),
            ("short", "en", "forget_test", "orig", "short"),
            ("unsure", "en", "forget_test", "orig", "?"),
            ("kept", "en", "retain_touched", "orig", "!"),
            ("varied", "en", "forget_test", "filler", "."),
            ("hindi", "hi", "forget_test", "orig", "हाँ"),
        ],
        columns=["item", "language", "split", "style", "prompt"],
    )
    known = pd.DataFrame({"item": ["long", "short", "varied"], "known": True})
    found = traced_items(items, known, ["en", "hi", "ur"])
    assert found["item"].tolist() == ["short", "hindi"]
    assert traced_items(items, known, ["bn"])["item"].tolist() == ["short"]
