"""Which rows of the base edits work at: every row scored on dev countries, the steadiest taken.

A row is ranked by its share of votes: on random halves of the dev countries, how often it is among
the best. A row that wins only on some countries wins by chance (Meinshausen and Bühlmann 2010).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from residue.core.seeds import derive
from residue.representation import judged, scores
from residue.representation.parallel import NotParallelError, Parallel, parallel
from residue.representation.similarity import LEAST, Floats, Null
from residue.specs.representation import RepresentationSpec

if TYPE_CHECKING:
    import pandas as pd

    from residue.records.store import RowsFile

logger = logging.getLogger(__name__)

PLACE = "last"
STABLE = 0.8
"""Share of votes from which a choice is called stable; below it the reason says that it is not."""
COLUMNS = ("row", "metric", "value", "null_mean", "p", "n_items", "n_clusters", "status", "reason")


@dataclass(frozen=True)
class Score:
    """One number of one row, or why there is none."""

    row: int
    metric: str
    value: float = np.nan
    null_mean: float = np.nan
    p: float = np.nan
    status: str = "ok"
    reason: str = ""


def score_rows(
    file: RowsFile,
    items: pd.DataFrame,
    spec: RepresentationSpec,
    *,
    requested: Sequence[str],
    pair: int,
    judgements: Mapping[int, judged.Judgement] | None = None,
) -> pd.DataFrame:
    """Score every row of a rows record on the dev items of its deck; one line per row and metric.

    Metrics: `cka`, `procrustes`, `anc` (value, mean under broken pairing, p); `language_probe`,
    `forget_probe` (AUC, the same of labels dealt by chance); `language_contrast`; `score`, their
    combination; `votes`, the share of halves on which the row is among the best; with judgements
    of rows `judge`, with its reason, and `ranking`, both mixed (`judged.mixed`). A row whose
    vectors are not finite has status failed; what these items cannot tell is unscorable.
    """
    import pandas as pd

    try:
        facts = parallel(items)
    except NotParallelError as error:
        lines = [
            Score(row, "score", status="unscorable", reason=str(error)) for row in file.numbers
        ]
        if judgements is not None:
            lines += _ranking([], spec.candidates(file.numbers), judgements, 1.0)
        return _table(pd.DataFrame(lines), 0, 0)
    setting = scores.Setting.of(facts, spec, requested)
    n = len(facts.countries)
    lines, cubes = [], {}
    for row in file.numbers:
        cube = facts.vectors(*file.read(row, PLACE))
        bad = int((~np.isfinite(cube)).any(axis=(0, 3)).sum())
        if bad:
            why = f"{bad} of {cube.shape[1] * n} facts have vectors that are not finite"
            lines.append(Score(row, "score", status="failed", reason=why))
            continue
        made = _row_scores(row, cube, facts, setting, derive("representation.row", pair, row))
        lines += made
        if made[-1].status == "ok":
            cubes[row] = cube
    offered = spec.candidates(file.numbers)
    lines += _votes(cubes, offered, setting, n, pair)
    if judgements is not None:
        lines += _ranking(lines, offered, judgements, spec.judge.weight)
    n_items = sum(len(cell) for language in facts.items for of in language for cell in of)
    return _table(pd.DataFrame(lines), n_items, n)


def choose(table: pd.DataFrame, numbers: Sequence[int], spec: RepresentationSpec) -> dict[str, Any]:
    """The chosen rows in ascending order, the mode, and the reason in a sentence.

    Votes decide, mixed with a judge's scores where there are some; then the score, then the lower
    row. Without any parallel facts the rows are spread
    evenly over the candidates. ValueError where a needed row failed or too few could be scored.
    """
    offered = spec.candidates(numbers)
    broken = table.loc[table["status"] == "failed", ["row", "reason"]]
    faults = dict(zip(broken["row"].astype(int), broken["reason"], strict=True))
    if spec.mode == "fixed":
        for row in offered:
            if row in faults:
                raise ValueError(f"representation.rows: row {row} cannot be used: {faults[row]}")
        return _choice(offered, spec, "The config names these rows.")
    sound = table[(table["status"] == "ok") & table["row"].isin(offered)]
    value = {
        metric: dict(zip(part["row"].astype(int), part["value"], strict=True))
        for metric, part in sound.groupby("metric")
    }
    score, votes = value.get("score", {}), value.get("votes", {})
    if not score and not faults:
        why = table.loc[table["status"] == "unscorable", "reason"].iloc[0]
        if "ranking" in value:
            rows = judged.best_first(value["ranking"])[: spec.select]
            return _choice(rows, spec, f"No row could be scored ({why}): a judge alone ranks them.")
        spread = np.linspace(0, len(offered) - 1, spec.select + 2)[1:-1].round().astype(int)
        rows = [offered[place] for place in dict.fromkeys(spread)]
        rows += [row for row in offered if row not in rows][: spec.select - len(rows)]
        return _choice(rows, spec, f"No row could be scored ({why}): spread evenly over the depth.")
    if len(score) < spec.select:
        why = next(iter(faults.values()), "see layers.parquet")
        raise ValueError(
            f"representation.select: only {len(score)} of {len(offered)} rows could be scored "
            f"({why}); mend the model, or name rows with mode: fixed"
        )
    ranking = value.get("ranking", {row: votes.get(row, 0.0) for row in score})
    rows = judged.best_first(ranking, score)[: spec.select]
    shares = ", ".join(f"row {row} {100 * votes[row]:.0f} %" for row in rows if row in votes)
    steady = bool(votes) and all(votes[row] >= STABLE for row in rows)
    words = f"Best by {spec.score} on dev countries; votes of random halves: {shares or 'none'}"
    if "ranking" in value:
        said = ", ".join(f"row {row} {value['judge'][row]:.2f}" for row in rows)
        words += f"; mixed with a judge's scores, at weight {spec.judge.weight:g}: {said}"
    unjudged = table[(table["metric"] == "judge") & (table["status"] == "unscorable")]
    if len(unjudged):
        words += f"; a judge was asked and ranks nothing: {unjudged['reason'].iloc[0]}"
    return _choice(rows, spec, f"{words}{'' if steady else ' (not a stable choice)'}.")


def _row_scores(
    row: int, cube: Floats, facts: Parallel, setting: scores.Setting, seed: int
) -> list[Score]:
    spec = setting.spec
    try:
        likeness = scores.likenesses(cube, setting, seed)
    except ValueError as error:
        return [Score(row, "score", status="unscorable", reason=str(error))]
    lines = [_null(row, name, null) for name, null in likeness.items()]
    contrast = 0.0
    if setting.probed:
        auc = [scores.language_auc(cube, setting, each, seed, null=True) for each in setting.target]
        mean = Null(*(float(np.mean(part)) for part in zip(*map(_parts, auc), strict=True)))
        lines.append(_null(row, "language_probe", mean))
        if setting.neighbour:
            contrast = scores.contrast_of(cube, setting, seed)
            lines.append(Score(row, "language_contrast", contrast))
    if 2 <= sum(facts.forgotten) <= len(facts.forgotten) - 2:
        lines.append(
            _null(row, "forget_probe", scores.forget_auc(cube, facts.forgotten, setting, seed))
        )
    excess = {name: null.value - null.mean for name, null in likeness.items()}
    return [*lines, Score(row, "score", scores.combined(excess, contrast, spec.score))]


def _votes(
    cubes: dict[int, Floats], offered: list[int], setting: scores.Setting, n: int, pair: int
) -> list[Score]:
    rows = [row for row in offered if row in cubes]
    if n // 2 < LEAST:
        why = f"{n} dev countries have no halves of {LEAST}; the score alone ranks the rows"
        return [Score(row, "votes", status="unscorable", reason=why) for row in rows]
    seed = derive("representation.halves", pair)
    parts = scores.halves(n, setting.spec.resamples, seed)
    won = np.zeros((len(parts), len(rows)))
    by_row = np.array([scores.half_scores(cubes[row], setting, parts, seed) for row in rows]).T
    best = np.argsort(-by_row, axis=1, kind="stable")[:, : setting.spec.select]
    np.put_along_axis(won, best, 1.0, axis=1)
    return [Score(row, "votes", float(won[:, place].mean())) for place, row in enumerate(rows)]


def _ranking(
    lines: Sequence[Score],
    offered: Sequence[int],
    judgements: Mapping[int, judged.Judgement],
    weight: float,
) -> list[Score]:
    """What the judge said of the candidates that could be scored, and their mixed ranking."""
    value = {
        name: {x.row: x.value for x in lines if (x.metric, x.status) == (name, "ok")}
        for name in ("score", "votes")
    }
    score = {row: number for row, number in value["score"].items() if row in offered}
    own = value["votes"] or judged.spread(score or dict.fromkeys(offered, 0.0))
    ranking = judged.mixed(own, judgements, weight)
    said = [_said(row, judgements[row]) for row in own]
    return said + [Score(row, "ranking", number) for row, number in ranking.items()]


def _said(row: int, judgement: judged.Judgement) -> Score:
    if judgement.score is None:
        return Score(row, "judge", status="unscorable", reason=judgement.reason)
    return Score(row, "judge", judgement.score, reason=judgement.reason)


def _parts(null: Null) -> tuple[float, float, float]:
    return null.value, null.mean, null.p


def _null(row: int, metric: str, null: Null) -> Score:
    return Score(row, metric, null.value, null.mean, null.p)


def _choice(rows: list[int], spec: RepresentationSpec, reason: str) -> dict[str, Any]:
    logger.info("rows %s: %s", sorted(rows), reason)
    return {"rows": sorted(rows), "mode": spec.mode, "reason": reason}


def _table(lines: pd.DataFrame, n_items: int, n_clusters: int) -> pd.DataFrame:
    made = lines.assign(n_items=n_items, n_clusters=n_clusters)
    made = made.sort_values("row", kind="stable", ignore_index=True)
    return made.astype({"row": "int32", "metric": "str", "status": "str", "reason": "str"})[
        list(COLUMNS)
    ]
