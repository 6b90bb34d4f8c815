"""A judge's scores move the ranking by their weight, with reasons, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from residue.representation import scores
from residue.representation.judged import (
    JudgeError,
    Judgement,
    best_first,
    mixed,
    read_judgements,
    spread,
)
from residue.representation.selection import choose, score_rows
from residue.specs.fields import SpecError
from residue.specs.representation import JudgeSpec, RepresentationSpec
from tests.unit.representation.test_selection import QUICK, Rows, deck

LINES = [
    {"row": 1, "score": 0.1, "reason": "words alone"},
    {"row": 2, "score": 0.0, "reason": "too early"},
    {"row": 3, "score": 0.9, "reason": "answers stop there"},
]


@pytest.fixture(autouse=True)
def _few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "PROBE_PERMUTATIONS", 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "judge.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in LINES) + "\n\n")
    return path


def ranked(file: Path, weight: float, shared: dict[int, float]) -> tuple[pd.DataFrame, Any]:
    items = deck()
    rows = Rows(items, shared)
    spec = RepresentationSpec(judge=JudgeSpec(str(file), weight), **QUICK)
    said = read_judgements(file)
    table = score_rows(rows, items, spec, requested=("en", "hi"), pair=0, judgements=said)  # type: ignore[arg-type]
    return table, choose(table, rows.numbers, spec)


def test_the_mixture_is_its_formula_and_its_ends_are_the_parts() -> None:
    own, judge = {1: 0.2, 2: 1.0, 3: 0.0}, {row: Judgement(1 - row / 4, "so") for row in (1, 2, 3)}
    assert mixed(own, judge, 0.25)[2] == pytest.approx(0.75 * 1.0 + 0.25 * 0.5)
    assert mixed(own, judge, 0.0) == own
    assert mixed(own, judge, 1.0) == {row: each.score for row, each in judge.items()}
    assert spread({1: -2.0, 2: 0.0, 3: 2.0}) == {1: 0.0, 2: 0.5, 3: 1.0}
    assert spread({1: 3.0, 2: 3.0}) == {1: 0.5, 2: 0.5}
    assert best_first({1: 0.5, 2: 0.7, 3: 0.5}, {1: 0.0, 2: 0.0, 3: 1.0}) == [2, 3, 1]


def test_the_planted_row_gives_way_to_the_judge_only_above_a_weight(file: Path) -> None:
    """Row 2 has all votes and the judge's 0, row 3 no votes and 0.9: they meet at w = 1/1.9."""
    for weight, row in ((0.0, 2), (0.5, 2), (0.55, 3), (1.0, 3)):
        table, found = ranked(file, weight, {2: 3.0})
        assert found["rows"] == [row], weight
    line = table[(table["metric"] == "judge") & (table["row"] == 3)].iloc[0]
    assert (line["value"], line["reason"], line["status"]) == (0.9, "answers stop there", "ok")
    assert "mixed with a judge's scores, at weight 1: row 3 0.90" in found["reason"]


def test_without_parallel_facts_the_judge_alone_ranks(file: Path) -> None:
    items = deck()
    alone = items[items["language"] == "en"]
    spec = RepresentationSpec(judge=JudgeSpec(str(file)), **QUICK)
    said = read_judgements(file)
    table = score_rows(Rows(alone, {}), alone, spec, requested=("en",), pair=0, judgements=said)  # type: ignore[arg-type]
    found = choose(table, Rows.numbers, spec)
    assert found["rows"] == [3]
    assert "in one language, en" in found["reason"]
    assert "a judge alone ranks them" in found["reason"]


def test_where_one_row_has_no_score_votes_alone_rank(file: Path) -> None:
    late = [*LINES[:2], {"row": 3, "score": None, "reason": "4 replies were not reached in 9 s"}]
    file.write_text("\n".join(json.dumps(line) for line in late))
    table, found = ranked(file, 1.0, {2: 3.0})
    assert found["rows"] == [2]
    assert "a judge was asked and ranks nothing: 4 replies were not reached" in found["reason"]
    assert "ranking" not in set(table["metric"])
    said = table[table["metric"] == "judge"].set_index("row")
    assert said["status"].to_dict() == {1: "ok", 2: "ok", 3: "unscorable"}
    assert said["value"].isna().to_dict() == {1: False, 2: False, 3: True}


def test_files_that_cannot_be_used_are_refused_with_line_and_mend(tmp_path: Path) -> None:
    path = tmp_path / "judge.jsonl"
    good = json.dumps(LINES[0])
    for text, message in [
        ("", "judges no row"),
        (good + "\nnot json", "line 2: is not JSON"),
        (json.dumps({"row": 1, "score": 0.5}), "line 1: needs the keys row, score and reason"),
        (json.dumps({**LINES[0], "row": -1}), "row is -1"),
        (json.dumps({**LINES[0], "row": True}), "row is True"),
        (
            json.dumps({**LINES[0], "score": 1.5}),
            "score is 1.5; write a number from 0 to 1, or null",
        ),
        (json.dumps({**LINES[0], "score": float("nan")}), "score is nan"),
        (json.dumps({**LINES[0], "reason": " "}), "reason is empty"),
        (good + "\n" + good, "line 2: row 1 is judged twice"),
    ]:
        path.write_text(text)
        with pytest.raises(JudgeError, match=message):
            read_judgements(path)
    path.write_text(good)
    with pytest.raises(JudgeError, match="row 2 is a candidate and is not judged"):
        ranked(path, 0.5, {2: 3.0})
    with pytest.raises(SpecError, match="share"):
        JudgeSpec(weight=1.2)
    with pytest.raises(SpecError, match="nothing to rank"):
        RepresentationSpec(mode="fixed", rows=(1,), judge=JudgeSpec("x.jsonl"))
