"""A run's measurements under the names of open-unlearning's EVAL.json, item by item.

| name | from |
|---|---|
| `{forget,retain}_Q_A_Prob` | `answer_probability`: the same number; avg_loss = −log of it |
| `{forget,retain}_Q_A_ROUGE` | what was said; rougeL_recall is `rouge_l`: words are not stemmed |
| `exact_memorization`, `extraction_strength` | the same of forget items; the least is 0 |
| `{forget,retain}_Truth_Ratio` | `truth_ratio` v as v / (1 − v) |

Only items in the wording they were taught in count, as there, and of forget items those in the
languages asked for. What a run has not measured is left
out and listed with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from residue.measure.metrics import rouge_l

SETS = {"forget": "forget_", "retain": "retain_"}
"""Set → how the splits of its items begin."""
NO_COUNTERPART = {
    "privleak": "compares two groups of items; see the estimand `membership`",
    "forget_quality": "compares two models; see the estimand `forget_quality`",
    "model_utility": "is a mean over three benchmarks that this run did not ask",
    "ra_Q_A_ROUGE": "real authors were not asked",
    "wf_Q_A_ROUGE": "world facts were not asked",
}
Entry = dict[str, Any]


def eval_json(
    measurements: pd.DataFrame, generations: pd.DataFrame, items: pd.DataFrame
) -> tuple[dict[str, Entry], dict[str, str]]:
    """(EVAL.json's content, what is absent and why) of one arm and seed on the deck `facts`.

    Every entry has agg_value and value_by_index; an item's entry names it under `item`.
    """
    taught = items[(items["family"] == "seen") & (items["style"] == "plain")]
    made: dict[str, Entry] = {}
    absent = dict(NO_COUNTERPART)
    values = {
        str(metric): dict(zip(part["item"], part["value"], strict=True))
        for metric, part in measurements[measurements["status"] == "ok"].groupby("metric")
    }
    for name, start in SETS.items():
        asked = taught[taught["split"].str.startswith(start)]
        asked = asked[asked["requested"]] if name == "forget" else asked
        said = _said(generations, asked)
        _put(made, absent, f"{name}_Q_A_ROUGE", asked, said, "rougeL_recall")
        for key, metric, form, field in _NUMBERS:
            if name == "retain" and key in _FORGET_ALONE:
                continue
            label = key if key in _FORGET_ALONE else f"{name}_{key}"
            found = {item: form(value) for item, value in values.get(metric, {}).items()}
            _put(made, absent, label, asked, found, field)
            if label in absent:
                absent[label] += f"; add '{metric}' to measures.metrics.facts"
    return made, absent


def summary(made: Mapping[str, Entry]) -> dict[str, float]:
    """Each metric's one number, as in the file of summaries."""
    return {name: entry["agg_value"] for name, entry in made.items()}


def _probability(value: float) -> Entry:
    return {"prob": value, "avg_loss": -math.log(value) if value > 0 else math.inf}


_NUMBERS: tuple[tuple[str, str, Callable[[float], Entry], str], ...] = (
    ("Q_A_Prob", "answer_probability", _probability, "prob"),
    (
        "Truth_Ratio",
        "truth_ratio",
        lambda v: {"score": v / (1 - v) if v < 1 else math.inf},
        "score",
    ),
    ("exact_memorization", "exact_memorisation", lambda v: {"score": v}, "score"),
    ("extraction_strength", "extraction_strength", lambda v: {"score": v}, "score"),
)
"""Their name, the metric here, its value in their form, the field that is averaged."""
_FORGET_ALONE = ("exact_memorization", "extraction_strength")


def _said(generations: pd.DataFrame, asked: pd.DataFrame) -> dict[str, Entry]:
    if not len(asked):
        return {}
    scores = rouge_l.measure({"generations": generations}, asked)
    recall = dict(zip(scores["item"], scores["value"], strict=True))
    texts = dict(zip(generations["item"], generations["text"], strict=True))
    return {
        item: {
            "rougeL_recall": recall[item],
            "input": prompt,
            "ground_truth": answers[0] if len(answers) else "",
            "generation": texts[item],
        }
        for item, prompt, answers in zip(
            asked["item"], asked["prompt"], asked["answers"], strict=True
        )
        if math.isfinite(recall[item])
    }


def _put(
    made: dict[str, Entry],
    absent: dict[str, str],
    name: str,
    asked: pd.DataFrame,
    found: Mapping[str, Entry],
    field: str,
) -> None:
    rows = {
        str(number): {**found[item], "item": item}
        for number, item in enumerate(asked["item"])
        if item in found and math.isfinite(found[item][field])
    }
    if not rows:
        absent[name] = "no item of this set was asked" if not len(asked) else "was not measured"
        return
    mean = sum(row[field] for row in rows.values()) / len(rows)
    made[name] = {"agg_value": mean, "value_by_index": rows}
