"""Exchanged twins: equal prompts move nothing, the last row is the output, the choice is fair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.lens.twin_pairs import chosen_twins
from residue.lens.twins import exchange


def deck() -> pd.DataFrame:
    """Two clean items; attacked twins of the same answer, of another answer, and of a dev split."""
    rows = [
        ("a", "", "A", "retain_touched", "none", "w1 w2", ["w7"]),
        ("b", "", "B", "retain_touched", "none", "w3", ["w8 w9"]),
        ("a1", "a", "A", "retain_touched", "naive", "w1 w2 w4 w5", ["w7"]),
        ("a2", "a", "A", "retain_touched", "naive", "w1 w2 w6", ["w7"]),
        ("b1", "b", "B", "retain_touched", "role_play", "w3 w11 w12 w1", ["w8 w9"]),
        ("b2", "b", "B", "retain_touched", "naive", "w3 w4", ["w5"]),
        ("a3", "a", "A", "dev_retain", "naive", "w1 w2 w9", ["w7"]),
    ]
    names = ["item", "twin", "country", "split", "family", "prompt", "answers"]
    return pd.DataFrame(rows, columns=names)


def test_only_twins_of_retain_countries_with_the_same_answer_are_chosen() -> None:
    assert set(chosen_twins(deck(), 5)["item"]) == {"a1", "a2", "b1"}
    assert chosen_twins(deck(), 1)["country"].tolist() == ["A", "B"]
    assert set(chosen_twins(deck(), 5)["clean"]) == {"w1 w2", "w3"}
    with pytest.raises(ValueError, match=r"tests\.orders"):
        chosen_twins(deck().query("item != 'a1' and item != 'a2' and item != 'b1'"), 1)


def test_equal_prompts_move_nothing_and_the_last_row_is_the_output(
    models: dict[str, Any], word_tokenizer: Any
) -> None:
    tokenizer = word_tokenizer(bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    items = chosen_twins(deck(), 5)
    made = exchange(models["llama"], tokenizer, str, items)
    assert (made["status"] == "ok").all()
    assert ((made["total_variation"] > 0.0) & (made["total_variation"] < 1.0)).all()
    assert (made["kl"] > 0.0).all()
    last = made[made["row"] == made["row"].max()]
    np.testing.assert_allclose(last["logp_clean_rows"], last["logp_clean"], atol=1e-5)
    np.testing.assert_allclose(last["logp_attacked_rows"], last["logp_attacked"], atol=1e-5)
    same = exchange(models["llama"], tokenizer, str, items.assign(clean=items["prompt"]))
    np.testing.assert_allclose(same["total_variation"], 0.0, atol=1e-6)
    np.testing.assert_allclose(same["logp_clean_rows"], same["logp_attacked"], atol=1e-5)
    # An edit of prompts that always asks the same removes the order's effect.
    deaf = exchange(models["llama"], tokenizer, lambda _: "w1", items)
    np.testing.assert_allclose(deaf["total_variation"], 0.0, atol=1e-6)
