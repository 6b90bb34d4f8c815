from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from residue.specs.default_claims import default_claims
from residue.stats.attainability import attainable_margin
from residue.world.audit import AUDIT_COLUMNS, AuditError, audit
from residue.world.build import World
from residue.world.edit_data import edit_data_everywhere
from residue.world.texts import normalised


@pytest.fixture
def parts(
    asked: pd.DataFrame, ordered: pd.DataFrame, shown: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    return {"facts": asked.copy(), "orders": ordered.copy(), "edit": shown.copy()}


def run(parts: dict[str, pd.DataFrame], tokenizer: Any, max_tokens: int = 128) -> pd.DataFrame:
    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    decks = {"facts": parts["facts"], "orders": parts["orders"]}
    return audit(decks, parts["edit"], count, max_tokens=max_tokens)


def test_the_default_world_passes_and_its_counts_are_right(
    parts: dict[str, pd.DataFrame], tokenizer: Any
) -> None:
    table = run(parts, tokenizer)
    assert list(table.columns) == list(AUDIT_COLUMNS)
    assert table["n_items"].sum() == len(parts["facts"]) + len(parts["orders"])
    row = table[(table["deck"] == "facts") & (table["split"] == "forget_test")].iloc[0]
    assert row["n_clusters"] == 24
    assert row["attainable"] == pytest.approx(attainable_margin(24))
    # The default claims must be decidable: forgetting on both halves, keeping on each split alone.
    clusters = table[table["deck"] == "facts"].set_index("split")["n_clusters"]
    margins = {name: claim.margin for name, claim in default_claims().items()}
    halves = int(clusters["forget_test"] + clusters["forget_relearn"])
    assert attainable_margin(halves) < min(margins["forgets"], margins["no_language_leak"])
    for split in ("retain_touched", "retain_untouched"):
        assert attainable_margin(int(clusters[split])) < margins["keeps"]


def test_edit_data_of_every_language_leak_no_more_than_those_asked_for(
    parts: dict[str, pd.DataFrame], tokenizer: Any, world: World
) -> None:
    table = run({**parts, "edit": edit_data_everywhere(world)}, tokenizer)
    pd.testing.assert_frame_equal(table, run(parts, tokenizer))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("The  capital of Peru is", "the capital of peru is"),
        ("Question: what?", "question what"),
        ("ﬁne", "FINE"),
        ("देश: पेरू।", "देश पेरू"),
    ],
)
def test_normalised_texts_meet(text: str, same: str) -> None:
    assert normalised(text) == normalised(same)


def test_normalised_keeps_vowel_signs_and_words() -> None:
    assert normalised("पेरू की") != normalised("पर क")
    assert normalised("in Niger") != normalised("in Nigeria")


def spoil(parts: dict[str, pd.DataFrame], fault: str) -> str:
    """Plant one fault; returns the id that the error must name."""
    facts, orders, edit = parts["facts"], parts["orders"], parts["edit"]
    first = facts.index[0]
    if fault == "repeated id":
        facts.loc[facts.index[1], "item"] = facts.loc[first, "item"]
        return str(facts.loc[first, "item"])
    if fault == "two splits":
        copy = facts.loc[[first]].assign(
            item="facts/copy",
            split="retain_touched",
            prompt=facts.loc[first, "prompt"].upper() + " !",
        )
        facts.loc[first, "split"] = "forget_test"
        parts["facts"] = pd.concat([facts, copy], ignore_index=True)
        return "facts/copy"
    if fault == "empty split":
        parts["facts"] = facts[facts["split"] != "dev_retain"]
        return "dev_retain"
    row = edit.index[0]
    if fault == "held-out wording":
        edit.loc[row, "prompt"] = "In Atlantis, the name of the capital is"
    elif fault == "untouched fact":
        untouched = facts[facts["split"] == "retain_untouched"].iloc[0]
        for column in ("country", "language", "relation"):
            edit.loc[row, column] = untouched[column]
    elif fault == "scored order":
        edit.loc[row, "prompt"] = orders.loc[orders.index[0], "prompt"].replace(".", " . ")
        return str(orders.loc[orders.index[0], "item"])
    elif fault == "dev repeats":
        dev = edit.index[edit["set"] == "dev_forget"][0]
        edit.loc[dev, "prompt"] = edit.loc[row, "prompt"].lower()
        return str(edit.loc[dev, "item"])
    return str(edit.loc[row, "item"])


@pytest.mark.parametrize(
    "fault",
    [
        "repeated id",
        "two splits",
        "empty split",
        "held-out wording",
        "untouched fact",
        "scored order",
        "dev repeats",
    ],
)
def test_a_planted_fault_stops_with_its_row(
    parts: dict[str, pd.DataFrame], tokenizer: Any, fault: str
) -> None:
    named = spoil(parts, fault)
    with pytest.raises(AuditError, match=named) as caught:
        run(parts, tokenizer)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)  # what is wrong; what mends it


def test_an_item_longer_than_the_model_reads_is_never_cut_silently(
    parts: dict[str, pd.DataFrame], tokenizer: Any
) -> None:
    longest = int(run(parts, tokenizer)["tokens_max"].max())
    assert len(run(parts, tokenizer, max_tokens=longest))
    with pytest.raises(AuditError, match=f"up to {longest} tokens where the model reads"):
        run(parts, tokenizer, max_tokens=longest - 1)
