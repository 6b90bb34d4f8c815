"""Memory metrics made of records equal what one gets by making the model speak again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

from residue.measure.metrics import exact_memorisation, extraction_strength
from residue.models.encoding import encode_answer, encode_prompt
from residue.records.recorder import record
from residue.specs.records import RecordsSpec


@pytest.fixture(scope="module")
def half_taught(build_llama: Callable[[int], Any], teach: Any, items: pd.DataFrame) -> Any:
    """A model that knows some answers whole, some in part, some not at all."""
    model = build_llama(0)
    teach(model, items[items["answers"].map(len) > 0].iloc[:14], steps=22)
    return model


def continued(model: Any, ids: list[int], n: int) -> list[int]:
    """The n likeliest next tokens, one by one, without a cache."""
    said: list[int] = []
    for _ in range(n):
        with torch.no_grad():
            said.append(int(model(torch.tensor([ids + said])).logits[0, -1].argmax()))
    return said


def test_strength_and_memorisation_by_literal_generation(
    half_taught: Any, tokenizer: Any, items: pd.DataFrame
) -> None:
    asked = items[items["answers"].map(len) > 0]
    batches = list(record(half_taught, tokenizer, asked, RecordsSpec()))
    records = {
        name: pd.concat([getattr(batch, name).to_pandas() for batch in batches])
        for name in ("generations", "tokens")
    }
    strength = extraction_strength.measure(records, asked).set_index("item")["value"]
    memorised = exact_memorisation.measure(records, asked).set_index("item")["value"]
    for item in asked.itertuples():
        prompt = encode_prompt(tokenizer, item.prompt)
        answer = encode_answer(tokenizer, item.answers[0])[:-1]
        n = len(answer)
        rests = [continued(half_taught, prompt + answer[:k], n - k) for k in range(n)]
        k = next((k for k in range(n) if rests[k] == answer[k:]), n)
        assert strength[item.item] == pytest.approx(1 - k / n)
        right = sum(rest[0] == token for rest, token in zip(rests, answer, strict=True))
        assert memorised[item.item] == pytest.approx(right / n)
    # The comparison says something only where the values differ.
    assert {0.0, 1.0} < set(strength)
    assert strength.between(0.0, 1.0, inclusive="neither").any()
