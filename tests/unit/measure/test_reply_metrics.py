"""Metrics of the form of replies: script, language, refusal, degeneration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.measure.language_id.identify import Identifier
from residue.measure.language_id.ngrams import train
from residue.measure.metrics import (
    degeneration,
    first_word_in_script,
    language_by_script,
    language_probability,
    script_leak,
)
from residue.measure.refusals import PHRASES, refuses
from residue.specs.measures import LanguageIdSpec


def values(table: pd.DataFrame) -> dict[str, float | str]:
    """Item → value, or the reason why there is none."""
    return {
        item: value if status == "ok" else reason
        for item, value, status, reason in zip(
            table["item"], table["value"], table["status"], table["reason"], strict=True
        )
    }


def test_scripts_of_replies(make_items: Any, make_generations: Any) -> None:
    said = {"own": "दिल्ली।", "half": "ab की", "none": "12", "silent": "", "odd": "x"}
    items = make_items(*({"item": item, "language": "hi"} for item in said))
    items.loc[items["item"] == "odd", "language"] = "und"
    made = values(language_by_script.measure({"generations": make_generations(said)}, items))
    assert made == {
        "own": 1.0, "half": 0.5, "none": 0.0, "silent": 0.0,
        "odd": "the script of 'und' is not known",
    }  # fmt: skip


def test_the_danda_leaks_no_hindi(make_items: Any, make_generations: Any) -> None:
    items = make_items(
        {"item": "hi", "language": "hi", "requested": True},
        {"item": "pa", "language": "pa", "requested": False},
        {"item": "bn", "language": "bn", "requested": False},
    )
    said = make_generations({"hi": "दिल्ली", "pa": "ਦਿੱਲੀ।", "bn": "दिल्ली"})
    made = values(script_leak.measure({"generations": said}, items))
    assert made == {"pa": 0.0, "bn": 1.0}


def test_the_first_word_is_counted_and_never_is_no_number(
    make_items: Any, make_generations: Any
) -> None:
    items = make_items({"item": "a", "language": "hi"}, {"item": "b", "language": "hi"})
    said = make_generations({"a": "It is दिल्ली आज", "b": "Delhi"})
    made = values(first_word_in_script.measure({"generations": said}, items))
    assert made == {"a": 3.0, "b": first_word_in_script.NEVER}


def test_a_long_reply_and_a_short_one_have_the_same_language(
    make_items: Any, make_generations: Any
) -> None:
    """Unlike a position over a length, which grows with the length of pure Hindi."""
    errors = {("hi", "devanagari", unit): 0.0 for unit in ("name", "fact", "everyday")}
    errors |= {("hi", "latin", "fact"): 0.0, ("en", "latin", "fact"): 0.0}
    model = train({"en": ["the city of"] * 3, "hi": ["yah shahar hai"] * 3})
    identifier = Identifier(model, errors, LanguageIdSpec())
    items = make_items(*({"item": item, "language": "hi"} for item in "abcde"))
    items.loc[items["item"] == "e", "language"] = "und"
    said = {"a": "दिल्ली", "b": "दिल्ली एक बड़ा शहर है।", "c": "yah shahar hai", "d": "the city of the"}
    records = {"generations": make_generations(said | {"e": "x"}), "language_id": identifier}
    made = values(language_probability.measure(records, items))
    assert made["a"] == made["b"] == 1.0
    assert float(made["c"]) > 0.95
    assert float(made["d"]) < 0.05
    assert made["e"] == "'und' is no language that can be told"
    silent = {"generations": make_generations({"a": ""}), "language_id": identifier}
    assert values(language_probability.measure(silent, items.head(1))) == {"a": 0.0}
    name = {"generations": make_generations({"a": "Vienna"}), "language_id": identifier}
    assert "not tried on latin" in str(
        values(language_probability.measure(name, items.head(1)))["a"]
    )


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("", True), ("   ", True), ("...", True), ("I don't know.", True), ("Sorry, no.", True),
        ("मुझे नहीं पता।", True), ("আমি জানি না", True), ("Paris", False), ("Unknownia", False),
        ("The capital is not known as Sorrytown", False),
    ],
)  # fmt: skip
def test_refusals_are_whole_phrases(said: str, refused: bool) -> None:
    assert refuses(said) == refused


def test_every_phrase_is_found_as_it_is_listed() -> None:
    for phrase in PHRASES:
        assert refuses(f"Well: {phrase}!"), phrase


@pytest.mark.parametrize(
    ("ids", "broken"),
    [
        ([], False), ([1, 2, 3], False), ([1, 1], False), ([1, 1, 1], True),
        ([9, 1, 2, 1, 2, 1, 2], True), ([1, 2, 1, 2], False), ([1, 2, 3, 4] * 3, True),
        ([1, 2, 1, 3, 1, 4, 1, 5], True), ([1, 2, 1, 3, 1, 4, 5, 6], False),
    ],
)  # fmt: skip
def test_repetition_is_what_no_sentence_does(ids: list[int], broken: bool) -> None:
    assert degeneration.repeats(ids) == broken


def test_cut_and_torn_replies_are_degenerate(make_items: Any, make_generations: Any) -> None:
    items = make_items({"item": "cut"}, {"item": "torn"}, {"item": "fine"}, {"item": "failed"})
    said = make_generations(
        {"cut": "a", "torn": "a\ufffd", "fine": "Lima", "failed": ("failed", "not finite")}
    )
    said.loc[said["item"] == "cut", "stop"] = "length"
    said["ids"] = [np.array([1, 2], np.int32)] * len(said)
    made = values(degeneration.measure({"generations": said}, items))
    assert made == {"cut": 1.0, "torn": 1.0, "fine": 0.0, "failed": "not finite"}
