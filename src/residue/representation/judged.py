"""What a judge said of rows: scores with reasons from a file, mixed into the ranking of rows.

With v the row's share of votes (its score scaled to 0 … 1 where there are no votes) and s the
judge's score, the row ranks by (1 − w) v + w s. Who judges, a person or a local model
(`residue.measure.row_judge`), is the file's affair: nothing here asks a model or a network. A line
may give no score and say why: then rows cannot be compared, and votes alone rank.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class JudgeError(ValueError):
    """A judge's file that cannot be used; the message names file, line and mend."""


@dataclass(frozen=True)
class Judgement:
    """What was said of one row: a score from 0 (poor) to 1 (good), None where there is none, and
    why."""

    score: float | None
    reason: str


def read_judgements(file: Path) -> dict[int, Judgement]:
    """Row → judgement, of a JSON Lines file with `row`, `score` (a number or null) and `reason` on
    each line."""
    found: dict[int, Judgement] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        row, judgement = _parsed(line, f"{file}, line {number}")
        if row in found:
            raise JudgeError(f"{file}, line {number}: row {row} is judged twice; keep one line")
        found[row] = judgement
    if not found:
        raise JudgeError(f"{file} judges no row; write a line per row, or leave the judge out")
    return found


def mixed(
    own: Mapping[int, float], judged: Mapping[int, Judgement], weight: float
) -> dict[int, float]:
    """(1 − weight) · own + weight · score of each row of `own`; empty where one has no score, and
    `JudgeError` where one has no line."""
    absent = sorted(set(own) - set(judged))
    if absent:
        raise JudgeError(
            f"representation.judge.file: row {absent[0]} is a candidate and is not judged; add a "
            "line for it, or name the rows to choose from in representation.rows"
        )
    scores = {row: judged[row].score for row in own}
    said = {row: score for row, score in scores.items() if score is not None}
    return (
        {row: (1 - weight) * own[row] + weight * said[row] for row in own} if said == scores else {}
    )


def spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores from 0, the least, to 1, the most; all ½ where they are equal."""
    low, high = min(scores.values()), max(scores.values())
    if high == low:
        return dict.fromkeys(scores, 0.5)
    return {row: (value - low) / (high - low) for row, value in scores.items()}


def best_first(ranking: Mapping[int, float], score: Mapping[int, float] | None = None) -> list[int]:
    """Rows by their ranking, then by score, then the lower first."""
    then = score or {}
    return sorted(ranking, key=lambda row: (-ranking[row], -then.get(row, 0.0), row))


def _parsed(line: str, where: str) -> tuple[int, Judgement]:
    try:
        entry: Any = json.loads(line)
    except ValueError as error:
        raise JudgeError(f"{where}: is not JSON ({error}); write one object a line") from None
    keys = sorted(entry) if isinstance(entry, dict) else []
    if keys != ["reason", "row", "score"]:
        raise JudgeError(f"{where}: needs the keys row, score and reason, and no others")
    row, score, reason = entry["row"], entry["score"], entry["reason"]
    if isinstance(row, bool) or not isinstance(row, int) or row < 0:
        raise JudgeError(f"{where}: row is {row!r}; write a whole number, 0 the embeddings")
    sound = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    if score is not None and not (sound and 0 <= score <= 1):
        raise JudgeError(f"{where}: score is {score!r}; write a number from 0 to 1, or null")
    if not isinstance(reason, str) or not reason.strip():
        raise JudgeError(f"{where}: reason is empty; say in a sentence why")
    return row, Judgement(None if score is None else float(score), reason.strip())
