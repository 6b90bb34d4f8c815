"""All summaries of an arm: what is there, and what may not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from summary_tables import random_pairs, random_table

from residue.lens.summaries import tidy
from residue.lens.summaries.ablations import COLUMNS as SHIFTS
from residue.lens.summaries.asked import Asked, asked_of
from residue.lens.summaries.passes import summarise
from residue.lens.summaries.trajectories import KEY
from residue.specs.fields import SpecError, load
from residue.specs.lens_summaries import LensSummariesSpec

LENSES = ("next_norm", "final_norm", "raw", "tuned")
ITEMS = ("a", "a/no_filler", "a/shift_1", "b")
FORMS = {
    "milestones": tidy.MILESTONES,
    "controls": tidy.QUANTITIES,
    "ablations": SHIFTS,
    "audits": tidy.QUANTITIES,
    "guidance": tidy.GUIDANCE,
}


def deck(items: tuple[str, ...] = ITEMS) -> pd.DataFrame:
    lines = [
        {"item": item, "style": item.partition("/")[2] or "orig", "twin": item[0] * ("/" in item)}
        for item in items
    ]
    return pd.DataFrame(lines)


def asked(items: tuple[str, ...] = ITEMS) -> Asked:
    return Asked(deck(items), {item: [1, 2, 3] for item in items}, frozenset({2}), 40)


def run(
    lenses: tuple[str, ...] = LENSES, items: tuple[str, ...] = ITEMS, shuffle: int | None = None
) -> dict[str, pd.DataFrame]:
    tables = {
        lens: pd.concat([random_table(item, lens) for item in items], ignore_index=True)
        for lens in lenses
    }
    pairs = pd.concat([random_pairs(item) for item in items], ignore_index=True)
    if shuffle is not None:
        tables = {k: t.sample(frac=1, random_state=shuffle) for k, t in tables.items()}
        pairs = pairs.sample(frac=1, random_state=shuffle)
    return summarise(tables, pairs, asked(items), LensSummariesSpec())


@pytest.fixture(scope="module")
def whole() -> dict[str, pd.DataFrame]:
    return run()


def test_five_long_tables(whole: dict[str, pd.DataFrame]) -> None:
    assert {name: tuple(table.columns) for name, table in whole.items()} == FORMS
    for name, table in whole.items():
        assert len(table), name


def test_no_key_stands_twice(whole: dict[str, pd.DataFrame]) -> None:
    assert not whole["milestones"].duplicated([*KEY, "milestone"]).any()
    for name in ("controls", "audits"):
        assert not whole[name].duplicated([*KEY, "group", "quantity"]).any()


def test_no_null_without_a_reason_and_no_reason_without_a_null(
    whole: dict[str, pd.DataFrame],
) -> None:
    table = whole["milestones"]
    assert (table["row"].isna() == (table["reason"] != "")).all()
    for name in ("controls", "audits"):
        table = whole[name]
        nothing = table["value"].isna() & (table["word"] == "")
        odd = table[nothing != (table["reason"] != "")]
        # Who confirms may be nobody, which is a word of its own in the confirmed milestone.
        assert odd.empty, odd.head()


def test_every_item_is_confirmed_and_controlled(whole: dict[str, pd.DataFrame]) -> None:
    confirmed = whole["milestones"].query("milestone == 'confirmed'")
    assert sorted(confirmed["item"]) == sorted(ITEMS)
    assert set(whole["controls"]["item"]) == set(ITEMS)
    assert set(whole["ablations"]["item"]) == {"a/no_filler", "a/shift_1"}


def test_guidance_counts_originals_of_the_main_lens(whole: dict[str, pd.DataFrame]) -> None:
    assert set(whole["guidance"]["lens"]) == {"next_norm"}
    assert whole["guidance"]["n_items"].max() == 2


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_lines_changes_nothing(seed: int, whole: dict[str, pd.DataFrame]) -> None:
    for name, table in run(shuffle=seed).items():
        pd.testing.assert_frame_equal(table, whole[name])


def lines_of(table: pd.DataFrame, **chosen: Any) -> list[tuple[Any, ...]]:
    keep = np.ones(len(table), dtype=bool)
    for column, values in chosen.items():
        keep &= table[column].isin(values).to_numpy()
    return [tuple(map(str, line)) for line in table[keep].itertuples(index=False)]


def test_another_item_changes_no_line_of_an_item(whole: dict[str, pd.DataFrame]) -> None:
    few = run(items=ITEMS[:3])
    for name in ("milestones", "controls", "ablations", "audits"):
        assert lines_of(few[name]) == lines_of(whole[name], item=ITEMS[:3]), name


def test_another_lens_changes_no_line_of_a_lens(whole: dict[str, pd.DataFrame]) -> None:
    few = run(lenses=("next_norm", "raw"))
    others = {"confirmed"}
    for name in ("milestones", "controls", "ablations"):
        table, more = few[name], whole[name]
        if "milestone" in table:
            table = table[~table["milestone"].isin(others)]
            more = more[~more["milestone"].isin(others)]
        assert lines_of(table) == lines_of(more, lens=["next_norm", "raw"]), name


def test_without_pairs_there_is_no_audit_of_the_raw_lens() -> None:
    tables = {"next_norm": random_table("a", "next_norm")}
    made = summarise(tables, None, asked(("a",)), LensSummariesSpec())
    assert not made["audits"]["group"].str.startswith("raw").any()
    confirmed = made["milestones"].query("milestone == 'confirmed'")
    assert confirmed["reason"].iloc[0]


def test_a_main_lens_that_was_not_read_is_named() -> None:
    tables = {"raw": random_table("a", "raw")}
    with pytest.raises(ValueError, match="the main lens 'next_norm' has no table"):
        summarise(tables, None, asked(("a",)), LensSummariesSpec())


def test_prompts_are_encoded_without_special_tokens() -> None:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    words = {"<s>": 0, "the": 1, "capital": 2, ",": 3, "[UNK]": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("<s>", special=True)])
    items = pd.DataFrame({"item": ["a"], "prompt": ["<s> the capital"]})
    table = pd.DataFrame({"topk_ids": [[3, 1], [2, 1]]})
    made = asked_of(items, tokenizer, [table], vocabulary=5)
    assert made.prompts == {"a": [1, 2]}
    assert made.wordless == {3}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"start_row": -1}, "start_row"),
        ({"confirm": ["next_norm"]}, "cannot confirm it"),
        ({"copy": {"strict": [0.9, 0.8]}}, "must ascend"),
        ({"copy": {"windows": [0]}}, "from 1 on"),
        ({"share": 0}, "share"),
    ],
)
def test_thresholds_that_cannot_be_used_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        load(LensSummariesSpec, keys, "lens_summaries")
