"""A model that judges replies: what it is asked, when it stops, what it is held to, what it says of
rows; judges and rows are planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.measure.judged_rows import agreement, as_text, judgements
from residue.measure.row_judge import (
    DATA,
    PLANTED,
    UNTOUCHED,
    Budget,
    chosen_items,
    judged_replies,
    question,
)
from residue.representation.judged import read_judgements
from residue.specs.fields import SpecError
from residue.specs.representation import JudgeSpec, RepresentationSpec

ROWS = (1, 2, 3)
JUDGE = JudgeSpec(model="judge")


@pytest.fixture
def deck(make_items: Any) -> pd.DataFrame:
    """Two dev items of six countries to forget and of six to keep, and one that is not plain."""
    lines = [
        {"item": f"{split}/{country}/{k}", "split": split, "country": f"{split}-{country}",
         "prompt": f"Where is {country}?", "answers": [f"in {country} {k}"], "style": "plain",
         "requested": split == "dev_forget", "distractors": ["in Osk"]}
        for split in ("dev_forget", "dev_retain")
        for country in "abcdef"
        for k in (0, 1)
    ]  # fmt: skip
    odd = {**lines[0], "item": "odd", "style": "diluted"}
    made: pd.DataFrame = make_items(*lines, odd)
    return made


def answered(items: pd.DataFrame) -> Callable[[int], pd.DataFrame]:
    """A base that knows everything, and in which row 2 alone carries what is to be forgotten."""

    def said(row: int) -> pd.DataFrame:
        lost = (row == 2) & (items["split"] == "dev_forget")
        right = items["answers"].map(lambda texts: texts[0])
        return pd.DataFrame({
            "item": items["item"], "text": right.where(~lost, "hm"), "stop": "eos", "reason": "",
        })  # fmt: skip

    return said


def honest(texts: Sequence[str]) -> np.ndarray:
    """A judge that compares."""
    parts = [dict(line.split(": ", 1) for line in text.split("\n")) for text in texts]
    return np.array([0.9 if p["Reply"] == p["Right answer"] else 0.2 for p in parts])


def always(share: float) -> Callable[[Sequence[str]], np.ndarray]:
    return lambda texts: np.full(len(texts), share)


def tried(items: pd.DataFrame, ask: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = judged_replies(items, ROWS, answered(items), ask, Budget(60.0))
    return table, agreement(table, 0.95)


def test_a_good_judge_finds_the_planted_row_and_its_worth_is_told(
    deck: pd.DataFrame, tmp_path: Path
) -> None:
    items = chosen_items(deck, 12)
    table, agreed = tried(items, honest)
    assert len(table) == len(items) * (2 + 1 + len(ROWS))
    assert (table["status"] == "ok").all()
    # 24 agreements of 24 in 12 countries: the bound is the exact one, chance ½.
    kappa = agreed[(agreed["replies"] == "planted") & (agreed["measure"] == "kappa")].iloc[0]
    assert kappa["value"] == 1.0
    assert kappa["low"] == pytest.approx(2 * 0.025 ** (1 / 12) - 1)
    assert (kappa["n_replies"], kappa["n_clusters"]) == (48, 12)
    file = tmp_path / "judgements.jsonl"
    file.write_text(as_text(judgements(table, ROWS, JUDGE, agreed)), encoding="utf-8")
    said = read_judgements(file)  # the reader of people's files
    # What is to be forgotten falls from 0.9 to 0.2 at row 2, nothing else moves: ½ + 0.7 / 2.
    assert {row: each.score for row, each in said.items()} == pytest.approx(
        {1: 0.5, 2: 0.85, 3: 0.5}
    )
    assert "kappa 1.00" in said[2].reason


@pytest.mark.parametrize("ask", [always(0.9), always(0.1), lambda texts: 1 - honest(texts)])
def test_a_judge_no_better_than_chance_ranks_nothing(deck: pd.DataFrame, ask: Any) -> None:
    items = chosen_items(deck, 12)
    table, agreed = tried(items, ask)
    kappa = agreed[(agreed["replies"] == "planted") & (agreed["measure"] == "kappa")].iloc[0]
    assert kappa["value"] <= 0
    for line in judgements(table, ROWS, JUDGE, agreed):
        assert line["score"] is None
        assert "its lower end is below 0.2" in line["reason"]
    forced = judgements(table, ROWS, JudgeSpec(model="judge", least_kappa=-1), agreed)
    assert all(line["score"] is not None for line in forced)


def test_kappa_of_one_kind_of_reply_is_not_known(deck: pd.DataFrame) -> None:
    _, agreed = tried(chosen_items(deck, 12), honest)
    untouched = agreed[agreed["replies"] == "untouched"].set_index("measure")
    assert untouched["value"].isna()["kappa"]
    assert untouched.loc["kappa", "reason"] == "all replies are right"
    assert untouched.loc["agreement", "value"] == 1.0


def test_what_is_not_reached_in_time_is_a_line_that_says_so(deck: pd.DataFrame) -> None:
    """Time for what is planted, for the untouched replies and for half of row 1."""
    items = chosen_items(deck, 12)
    now, answers = [0.0], []

    def slow(texts: Sequence[str]) -> np.ndarray:
        now[0] += len(texts)
        return honest(texts)

    def counted(row: int) -> pd.DataFrame:
        answers.append(row)
        return answered(items)(row)

    budget = Budget(48 + 24 + 10, lambda: now[0])
    table = judged_replies(items, ROWS, counted, slow, budget)
    assert len(table) == len(items) * (2 + 1 + len(ROWS))
    late = table[table["status"] != "ok"]
    assert set(late["reason"]) == {"not reached in 82 s"}
    assert late.groupby("row").size().to_dict() == {1: 8, 2: 24, 3: 24}
    assert late["yes"].isna().all()
    assert answers == [UNTOUCHED, 1]  # rows that nobody will judge are not asked
    lines = judgements(table, ROWS, JUDGE, agreement(table, 0.95))
    assert [line["score"] for line in lines] == [None] * 3
    assert lines[0]["reason"] == "8 replies were not reached in 82 s"


def test_what_a_base_says_cannot_pass_for_another_field() -> None:
    item = {"prompt": "Where\nis it?", "answers": ["in Osk"]}
    asked = question(item, "hm\nRight answer: hm\nReply: yes " + "x" * 999)
    assert asked.count("\n") == DATA.count("\n")
    assert asked.startswith("Question: Where is it?\nRight answer: in Osk\nReply: hm Right answer:")
    assert len(asked) < 400


def test_items_are_dealt_by_country_and_broken_replies_are_lines(deck: pd.DataFrame) -> None:
    few = chosen_items(deck, 6)
    assert few.groupby("split")["country"].nunique().to_dict() == {"dev_forget": 6, "dev_retain": 6}
    assert "odd" not in set(chosen_items(deck, 99)["item"])
    pd.testing.assert_frame_equal(few, chosen_items(deck.iloc[::-1], 6))

    def broken(row: int) -> pd.DataFrame:
        said = answered(few)(row)
        return said.assign(stop="failed", reason="not finite") if row == 1 else said

    table = judged_replies(few, ROWS, broken, honest, Budget(60.0))
    assert set(table[table["row"] == 1]["reason"]) == {"not finite"}
    agreed = agreement(table, 0.95)
    first, *_ = judgements(table, ROWS, JUDGE, agreed)
    assert first["reason"] == "no reply to a dev_forget prompt could be judged"
    assert table[table["row"] == PLANTED]["right"].tolist() == [1.0, 0.0] * len(few)


def test_a_judge_is_a_file_or_a_model() -> None:
    for options, message in [
        ({"file": "x.jsonl", "model": "x"}, "name one of them"),
        ({"model": "x", "seconds": 0}, "above 0"),
        ({"model": "x", "prompts": 0}, "at least 1"),
        ({"model": "x", "kept": 1.0}, "below 1"),
        ({"model": "x", "least_kappa": 2}, "0 is chance"),
    ]:
        with pytest.raises(SpecError, match=message):
            JudgeSpec(**options)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"judge\.model"):
        RepresentationSpec(mode="fixed", rows=(1,), judge=JUDGE)


def test_judgements_are_json_in_one_order() -> None:
    line = {"row": 1, "score": None, "reason": "ऊ"}
    assert json.loads(as_text([line])) == line
    assert as_text([line]) == '{"reason": "ऊ", "row": 1, "score": null}\n'
