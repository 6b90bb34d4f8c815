"""What a judge's verdicts on replies say of rows, and what the accepted answers say of the judge.

With y(r) the judge's p(yes) where row r is dampened and y where nothing is, a row's score is
½ + ½ (d_forget − d_keep), cut to 0 … 1, with d the mean over countries of y − y(r). So ½ is a row
that takes as much from what is to stay as from what is to be forgotten, in whatever measure.

The judge is held to the accepted answers: κ = (a − c) / (1 − c) of its agreement a with them and
the agreement c of two who guess at its rate and at theirs (Cohen 1960). A judge that cannot be told
from one who guesses ranks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from residue.measure.row_judge import FORGET, KEEP, PLANTED, UNTOUCHED
from residue.specs.representation import JudgeSpec
from residue.stats.bounded import bounded_mean

if TYPE_CHECKING:
    import pandas as pd

AGREEMENT = (
    "replies", "measure", "value", "low", "high", "level", "n_replies", "n_clusters", "method",
    "reason",
)  # fmt: skip
SETS = ("planted", "untouched", "dampened")


def agreement(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """How the judge agrees with the accepted answers; table: as `row_judge.judged_replies`.

    Of planted replies, of those with nothing dampened and of the others: `agreement`; `kappa`;
    `right_called_right` and `wrong_called_wrong`. Means over countries, the unit, with exact
    bounds; those of kappa hold the agreement of guessing at its estimate. Unscorable lines count
    nowhere.
    """
    import pandas as pd

    heard = table[table["status"] == "ok"]
    lines: list[dict[str, Any]] = []
    for name in SETS:
        part = heard[heard["row"].map(_kind) == name]
        called = np.asarray(part["yes"] > 0.5, dtype=np.float64)
        right = np.asarray(part["right"], dtype=np.float64)
        country = part["country"].to_numpy()
        agrees = (called == right).astype(np.float64)
        measures = {
            "agreement": (agrees, np.ones(len(part), bool)),
            "kappa": (agrees, np.ones(len(part), bool)),
            "right_called_right": (agrees, right == 1),
            "wrong_called_wrong": (agrees, right == 0),
        }
        for measure, (values, among) in measures.items():
            line = _share(values[among], country[among], level)
            if measure == "kappa" and not line["reason"]:
                line |= _beyond_chance(line, called, right, country)
            lines.append({"replies": name, "measure": measure, **line})
    kinds = {"n_replies": "int64", "n_clusters": "int64"}
    return pd.DataFrame(lines, columns=list(AGREEMENT)).astype(kinds)


def judgements(
    table: pd.DataFrame, rows: Sequence[int], judge: JudgeSpec, agreed: pd.DataFrame
) -> list[dict[str, Any]]:
    """A line per row: row, score (None where there is none), reason; agreed: of `agreement`."""
    kappa = agreed[(agreed["measure"] == "kappa") & (agreed["replies"] == "planted")].iloc[0]
    if kappa["reason"]:
        barred = f"what the judge is worth is not known: {kappa['reason']}"
        worth = barred
    else:
        interval = f"{kappa['value']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f})"
        worth = f"kappa {interval} on {kappa['n_replies']} planted replies"
        barred = ""
        if kappa["low"] < judge.least_kappa:
            barred = f"the judge has {worth}; its lower end is below {judge.least_kappa:g}"
    return [_judgement(table, row, judge, worth, barred) for row in rows]


def as_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Judgements as the file that `representation.judged` reads."""
    return "".join(
        json.dumps(dict(line), ensure_ascii=False, sort_keys=True) + "\n" for line in lines
    )


def _judgement(
    table: pd.DataFrame, row: int, judge: JudgeSpec, worth: str, barred: str
) -> dict[str, Any]:
    blank = {"row": row, "score": None}
    here = table[table["row"].isin((PLANTED, UNTOUCHED, row))]
    late = here[here["reason"].str.startswith("not reached")]
    if len(late):
        return {**blank, "reason": f"{len(late)} replies were {late['reason'].iloc[0]}"}
    lost = {split: _lost(here, row, split) for split in (FORGET, KEEP)}
    for split, (_, n, _) in lost.items():
        if not n:
            return {**blank, "reason": f"no reply to a {split} prompt could be judged"}
    if barred:
        return {**blank, "reason": barred}
    told = ", ".join(
        f"{split} replies lose {loss:.3f} of p(yes) ({n} in {countries} countries)"
        for split, (loss, n, countries) in lost.items()
    )
    score = float(np.clip(0.5 + (lost[FORGET][0] - lost[KEEP][0]) / 2, 0.0, 1.0))
    return {"row": row, "score": score, "reason": f"at {judge.kept:g} of it {told}; {worth}"}


def _kind(row: int) -> str:
    return {PLANTED: "planted", UNTOUCHED: "untouched"}.get(row, "dampened")


def _lost(table: pd.DataFrame, row: int, split: str) -> tuple[float, int, int]:
    """Mean over countries of what p(yes) loses, over items judged both times; items; countries."""
    part = table[(table["status"] == "ok") & (table["split"] == split)]
    keys = ["item", "country"]
    before = part[part["row"] == UNTOUCHED].set_index(keys)["yes"]
    lost = (before - part[part["row"] == row].set_index(keys)["yes"]).dropna()
    if not len(lost):
        return 0.0, 0, 0
    means = lost.groupby("country").mean()
    return float(means.mean()), len(lost), len(means)


def _share(values: NDArray[np.float64], country: NDArray[Any], level: float) -> dict[str, Any]:
    if not len(values):
        blank = {"value": np.nan, "low": np.nan, "high": np.nan, "level": level, "method": ""}
        return {**blank, "n_replies": 0, "n_clusters": 0, "reason": "no such reply was judged"}
    made = bounded_mean(_means(values, country), (0.0, 1.0), level)
    ends = {"value": made.estimate, "low": made.low, "high": made.high, "level": level}
    counts = {"n_replies": len(values), "n_clusters": made.n}
    return {**ends, **counts, "method": made.method, "reason": ""}


def _beyond_chance(
    agrees: Mapping[str, Any],
    called: NDArray[np.float64],
    right: NDArray[np.float64],
    country: NDArray[Any],
) -> dict[str, Any]:
    yes, true = (float(_means(each, country).mean()) for each in (called, right))
    chance = yes * true + (1 - yes) * (1 - true)
    if true in (0.0, 1.0):
        ends = dict.fromkeys(("value", "low", "high"), np.nan)
        all_of_a_kind = "right" if true else "wrong"
        return {**ends, "method": "", "reason": f"all replies are {all_of_a_kind}"}
    ends = {name: (agrees[name] - chance) / (1 - chance) for name in ("value", "low", "high")}
    return {**ends, "method": f"{agrees['method']}, chance held at {chance:.3f}"}


def _means(values: NDArray[np.float64], country: NDArray[Any]) -> NDArray[np.float64]:
    _, place = np.unique(country.astype(str), return_inverse=True)
    means: NDArray[np.float64] = np.bincount(place, values) / np.bincount(place)
    return means
