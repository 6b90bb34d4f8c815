"""Controls are views of the same prompts; ablations are differences of their milestones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from summary_tables import of, random_table

from residue.lens.summaries import ablations, controls, milestones, tidy
from residue.lens.summaries.passes import control_lines
from residue.lens.summaries.trajectories import Trajectories
from residue.specs.lens_summaries import LensSummariesSpec

MARGINS = {
    "p_answer": [0.2, 1e-9, 0.0, 0.20, 0.04, 0.30, 0.60],
    "p_foil": [0.1, 0.0, 1e-9, 0.10, 0.06, 0.10, 0.10],
    "answer_rank": [1, 900, 800, 1, 9, 1, 1],
    "answer_logit_gap": [9.0, -8.0, -8.0, 0.1, -2.0, 0.4, 0.7],
    "log_odds_foil": [1.0, 1.0, -1.0, 0.7, -0.4, 1.1, 1.8],
}


def test_a_margin_of_a_billionth_is_no_control() -> None:
    """The published first row with a positive margin lies at rows 0 to 2 in nine of ten models."""
    read = controls.control(of(MARGINS))
    assert read.positive.row[0] == 1
    assert read.lasting.row[0] == 5
    assert read.lasting_odds.row[0] == 5
    assert read.strong.row[0] == 6
    assert read.most[0] == pytest.approx(0.5)
    assert read.last[0] == pytest.approx(0.5)
    assert read.largest_gap[0] == 0.7


def test_a_margin_that_falls_back_at_the_last_row_does_not_last() -> None:
    read = controls.control(of({"p_answer": [0, 0.5, 0.5, 0.1], "p_foil": [0, 0, 0, 0.1]}))
    assert (np.isnan(read.lasting.row[0]), read.lasting.reason[0]) == (True, "never")


def test_row_0_counts_only_where_it_is_asked_for() -> None:
    read = controls.control(of(MARGINS), start=0)
    assert (read.positive.row[0], read.strong.row[0], read.largest_gap[0]) == (0, 0, 9.0)


def test_every_fact_has_its_control_from_its_own_lines() -> None:
    lines = pd.concat([random_table(item, "norm") for item in "abc"])
    t = Trajectories.of(lines, controls.COLUMNS)
    table = control_lines(t, LensSummariesSpec())
    assert set(table["item"]) == {"a", "b", "c"}
    margins = table[table["quantity"] == "last_margin"].set_index("item")["value"]
    last = lines[lines["row"] == 6].set_index("item")
    assert margins.to_numpy() == pytest.approx((last["p_answer"] - last["p_foil"]).to_numpy())


def test_margins_differ_over_rows_where_the_model_does() -> None:
    t = Trajectories.of(random_table("a", "norm"), controls.COLUMNS)
    assert np.unique(t["p_answer"] - t["p_foil"]).size == 7


def test_shifts_by_hand() -> None:
    deck = pd.DataFrame({
        "item": ["o", "v", "w", "x"], "style": ["orig", "no_filler", "filler", "filler"],
        "twin": ["o", "o", "o", "gone"],
    })  # fmt: skip
    t = Trajectories.of(
        pd.concat([
            of_lines("o", [5, 9, 1, 1]), of_lines("v", [5, 1, 1, 1]), of_lines("w", [5, 5, 5, 5]),
            of_lines("x", [5, 1, 1, 1]),
        ]),
        ["answer_rank"],
    )  # fmt: skip
    lines = tidy.milestone_lines(t.keys, {"semantic": milestones.semantic(t)})
    made = ablations.shifts(lines, deck).set_index("item")
    assert tuple(made.columns) == tuple(c for c in ablations.COLUMNS if c != "item")
    assert made.loc["v", ["row_original", "row_variant", "shift"]].tolist() == [2, 1, -1]
    assert (made.loc["v", "variant"], made.loc["v", "reason"]) == ("no_filler", "")
    assert pd.isna(made.loc["w", "shift"])
    assert made.loc["w", "reason"] == "never"
    assert made.loc["x", "reason"] == "the original was not read"


def of_lines(item: str, ranks: list[int]) -> pd.DataFrame:
    from summary_tables import table

    return table({"answer_rank": ranks}, item=item)
