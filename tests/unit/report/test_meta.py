"""The table of metrics on trial, on models made so that the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from residue.report.meta import meta_table
from residue.report.sections import meta as section
from residue.specs.meta import MetaSpec
from residue.specs.statistics import StatisticsSpec

PUBLISHED = pd.read_csv(
    Path(__file__).parents[3] / "data" / "published_metric_scores.tsv", sep="\t"
)
COUNTRIES = [f"C{k}" for k in range(12)]
DECK = pd.DataFrame(
    {
        "item": f"{country}/{number}", "deck": "facts", "family": "seen", "style": "plain",
        "requested": True, "language": "en", "country": country, "split": split,
    }
    for split, part in (("forget_test", COUNTRIES[:8]), ("retain_touched", COUNTRIES[8:]))
    for country in part
    for number in range(3)
)  # fmt: skip


def models(
    metric: str, arms: dict[str, Callable[[str], float]], pairs: int = 1, condition: str = "plain"
) -> pd.DataFrame:
    """Measurements of `metric`: for each arm, a value by split, with a little noise by item."""
    rng = np.random.default_rng([len(metric), *map(len, arms), len(condition)])
    return pd.DataFrame(
        {
            "metric": metric, "arm": arm, "pair": pair, "seed": 0, "condition": condition,
            "item": item, "row": None, "value": value(split) + 0.02 * rng.standard_normal(),
            "status": "ok",
        }
        for arm, value in arms.items()
        for pair in range(pairs)
        for item, split in zip(DECK["item"], DECK["split"], strict=True)
    ).astype({"row": "Int32"})  # fmt: skip


def table(
    plain: pd.DataFrame, attacked: pd.DataFrame | None = None, pairs: int = 1
) -> pd.DataFrame:
    known = pd.concat([DECK[["item"]].assign(pair=pair, known=True) for pair in range(pairs)])
    return meta_table(
        plain,
        plain.iloc[:0] if attacked is None else attacked,
        DECK,
        known,
        {"relearned": "relearn", "nf4": "quantise"},
        PUBLISHED,
        MetaSpec(liars=("hider", "ruin"), resamples=200),
        StatisticsSpec(),
    )


def cell(made: pd.DataFrame, question: str, metric: str, arm: str = "") -> pd.Series:
    rows = made[(made["question"] == question) & (made["metric"] == metric) & (made["arm"] == arm)]
    assert len(rows) == 1
    return rows.iloc[0]


def knows(split: str) -> float:
    return 0.9


def never(split: str) -> float:
    return 0.1 if split.startswith("forget") else 0.9


def lost(split: str) -> float:
    return -3.0


def test_a_metric_of_outputs_is_fooled_and_one_of_the_inside_is_not() -> None:
    outside = models("exact_answer", {"base": knows, "oracle": never, "hider": never})
    inside = models("answer_probability", {"base": knows, "oracle": never, "hider": knows})
    made = table(pd.concat([outside, inside]))
    assert cell(made, "liar", "exact_answer", "hider")["verdict"] == "fooled"
    assert cell(made, "liar", "answer_probability", "hider")["verdict"] == "caught"
    share = cell(made, "liar", "answer_probability", "hider")
    assert share["estimate"] == pytest.approx(1.0, abs=0.03)
    assert share["low"] <= share["estimate"] <= share["high"]


def test_far_below_the_oracle_is_caught_as_well() -> None:
    made = table(models("exact_answer", {"base": knows, "oracle": never, "ruin": lost}))
    assert cell(made, "liar", "exact_answer", "ruin")["verdict"] == "caught"


def test_a_metric_that_falls_where_facts_are_known_is_turned() -> None:
    """Perplexity is low on the base; its share must still run from oracle to base."""
    high = {"base": lambda s: 0.1, "oracle": lambda s: 3.0, "hider": lambda s: 0.1}
    made = table(models("perplexity", high))
    assert cell(made, "faithful", "perplexity")["estimate"] == 1.0
    assert cell(made, "liar", "perplexity", "hider")["verdict"] == "caught"


def test_faithfulness_counts_models_and_not_items() -> None:
    made = table(models("exact_answer", {"base": knows, "oracle": never}, pairs=4), pairs=4)
    line = cell(made, "faithful", "exact_answer")
    assert line["n_models"] == 8
    assert line["low"] ** 4 == pytest.approx(0.025)  # four models on a side, however many items


def test_robustness_compares_what_edit_and_oracle_gain() -> None:
    plain = models("exact_answer", {"base": knows, "oracle": never, "npo": never})
    gains = {"base": knows, "oracle": lambda s: 0.3, "npo": lambda s: 0.5}
    attacked = models("exact_answer", gains, condition="relearned")
    made = table(plain, attacked)
    line = cell(made, "relearning", "exact_answer", "npo")
    assert line["estimate"] == pytest.approx(0.2 / 0.4, abs=0.05)
    assert line["low"] < line["estimate"] < line["high"]
    # The other condition was not measured on base and oracle: said, not left out.
    assert "not attacked" in cell(made, "quantising", "exact_answer", "npo")["note"]


def test_a_ruined_edit_has_no_part_in_robustness() -> None:
    ruined = {"base": knows, "oracle": never, "npo": lambda s: 0.1}
    plain = models("exact_answer", ruined)
    made = table(plain, models("exact_answer", ruined, condition="relearned"))
    assert "npo" not in set(made.loc[made["question"] == "relearning", "arm"])


def test_an_edit_that_forgot_nothing_has_no_part_either() -> None:
    """A defence gains nothing by relearning what it never lost, and would look robust."""
    arms = {"base": knows, "oracle": never, "defended": knows}
    plain = models("exact_answer", arms)
    made = table(plain, models("exact_answer", arms, condition="relearned"))
    assert "defended" not in set(made.loc[made["question"] == "relearning", "arm"])


def test_the_section_names_every_metric_and_mark() -> None:
    from residue.report.page import Page

    made = table(models("exact_answer", {"base": knows, "oracle": never, "hider": never}))
    none = pd.DataFrame()
    text = section.section(Page(claims=none, estimates=none, estimands={}, sentences={}, meta=made))
    assert "Exact answer" in text
    assert "✗ fooled" in text
