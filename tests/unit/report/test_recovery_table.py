"""The recovery table from hand-made measurements, and what it refuses to estimate."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from residue.report.captions import recovery as caption
from residue.report.drawing import render
from residue.report.recovery import COLUMNS, Attack, recovery_table
from residue.report.recovery_figure import recovery
from residue.specs.conditions import StressSpec
from residue.specs.statistics import StatisticsSpec

SPEC = StressSpec(resamples=100)
COUNTRIES = [f"C{k}" for k in range(8)]
SPLITS = {"forget_test": True, "forget_relearn": True, "retain_touched": False}
CURVE = Attack("relearn_other", ("relearn_other_5", "relearn_other_20"), (5.0, 20.0))
POINT = Attack("nf4", ("nf4",))


def deck() -> pd.DataFrame:
    rows = [
        {"item": f"{split}/{country}/{n}", "country": country, "split": split, "requested": asked}
        for split, asked in SPLITS.items()
        for country in COUNTRIES
        for n in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def measured(arm: str, condition: str, forget: float, *, seed: int = 0) -> pd.DataFrame:
    """Forget items at a rate that is the same in each country; all else is right."""
    items = deck()
    values = items["split"].map({"forget_test": forget}).fillna(1.0)
    return items[["item"]].assign(
        metric="exact_answer", arm=arm, pair=0, seed=seed, condition=condition, row=None,
        value=values, weight=1.0, status="ok", reason="",
    )  # fmt: skip


def known() -> pd.DataFrame:
    return deck()[["item"]].assign(pair=0, known=True)


LEVELS = {
    "base": {"plain": 1.0, "relearn_other_5": 1.0, "relearn_other_20": 0.9, "nf4": 0.9},
    "oracle": {"plain": 0.0, "relearn_other_5": 0.0, "relearn_other_20": 0.1, "nf4": 0.1},
    "npo": {"plain": 0.0, "relearn_other_5": 0.25, "relearn_other_20": 0.7, "nf4": 0.5},
}


def made(levels: dict[str, dict[str, float]] = LEVELS, **changed: object) -> pd.DataFrame:
    parts = [
        measured(arm, condition, rate, seed=seed)
        for arm, rates in levels.items()
        for condition, rate in rates.items()
        for seed in (range(3) if arm == "npo" else range(1))
    ]
    options = {"known": known(), "spec": SPEC, **changed}
    return recovery_table(
        pd.concat(parts),
        deck(),
        options["known"],
        [CURVE, POINT],
        options["spec"],
        StatisticsSpec(),
    )


def cell(table: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1, where
    return table.iloc[0]


def test_numbers_by_hand() -> None:
    table = made()
    assert list(table.columns) == list(COLUMNS)
    last = cell(table, arm="npo", condition="relearn_other_20", measure="recovery")
    assert last["estimate"] == pytest.approx((0.7 - 0.1) / (0.9 - 0.1))
    assert (last["gap"], last["at"]) == (pytest.approx(0.8), 20.0)
    assert (last["n_items"], last["n_clusters"], last["n_seeds"]) == (16, 8, 3)
    start = cell(table, arm="npo", condition="plain", measure="recovery")
    assert (start["estimate"], start["at"]) == (pytest.approx(0.0), 0.0)
    whole = cell(table, arm="npo", measure="area")
    assert whole["estimate"] == pytest.approx((0.125 * 5 + 0.5 * 15) / 20)
    until = cell(table, arm="npo", measure="half")
    assert until["estimate"] == pytest.approx(5 + 15 * 0.25 / 0.5)
    rounded = cell(table, arm="npo", attack="nf4", measure="recovery")
    assert rounded["estimate"] == pytest.approx(0.5)
    assert math.isnan(rounded["at"])
    level = cell(table, arm="base", condition="nf4", measure="forget")
    assert level["estimate"] == pytest.approx(0.9)
    kept = cell(table, arm="npo", condition="nf4", measure="retain")
    assert kept["estimate"] == pytest.approx(1.0)
    assert not len(table[(table["arm"] == "oracle") & (table["measure"] == "recovery")])


def test_what_an_attack_has_taught_the_oracle_is_not_recovery() -> None:
    taught = {**LEVELS, "oracle": {**LEVELS["oracle"], "relearn_other_20": 0.7}}
    table = made(taught)
    last = cell(table, arm="npo", condition="relearn_other_20", measure="recovery")
    assert math.isnan(last["estimate"])
    assert last["note"] == "base and oracle differ by 0.20 after relearn_other_20, below 0.5"
    first = cell(table, arm="npo", condition="relearn_other_5", measure="recovery")
    assert first["estimate"] == pytest.approx(0.25)
    assert math.isnan(cell(table, arm="npo", measure="area")["estimate"])


def test_without_a_control_nothing_is_called_recovery() -> None:
    levels = {arm: rates for arm, rates in LEVELS.items() if arm != "oracle"}
    row = cell(made(levels), arm="npo", attack="nf4", measure="recovery")
    assert math.isnan(row["estimate"])
    assert row["note"] == "not measured: oracle (nf4)"


def test_facts_that_the_base_does_not_know_are_left_out() -> None:
    some = known()
    some.loc[some["item"].str.startswith("forget_test/C0"), "known"] = False
    row = cell(made(known=some), arm="npo", attack="nf4", measure="recovery")
    assert (row["n_items"], row["n_clusters"]) == (14, 7)


def test_a_fact_that_one_pairs_base_knows_and_another_does_not_counts_where_it_is_known() -> None:
    """Rates differ by pair only, so what is left of an item elsewhere changes no pair's number."""
    parts = [
        measured(arm, condition, rate).assign(pair=pair)
        for arm, rates in LEVELS.items()
        for condition, rate in rates.items()
        for pair in range(2)
    ]
    some = pd.concat([known(), known().assign(pair=1)])
    here = (some["pair"] == 1) & some["item"].isin(["forget_test/C0/0", "forget_test/C1/0"])
    gone = (some["pair"] == 1) & some["item"].str.startswith("forget_test/C2")
    table = recovery_table(
        pd.concat(parts), deck(), some.assign(known=~(here | gone)), [CURVE, POINT], SPEC,
        StatisticsSpec(),
    )  # fmt: skip
    level = cell(table, arm="npo", attack="nf4", measure="forget")
    assert level["estimate"] == pytest.approx(0.5)
    assert level["n_pairs"] == 2
    back = cell(table, arm="npo", attack="nf4", measure="recovery")
    assert back["seed_values"] == pytest.approx([0.5, 0.5])
    assert back["n_clusters"] == 7


def test_the_figure_and_its_caption_are_drawn_from_the_table() -> None:
    table = made()
    assert render(recovery(table), "svg") == render(recovery(made()), "svg")
    assert b"relearn other" in render(recovery(table), "svg")
    assert "16 items on 8 countries" in caption(table)
    empty = recovery(table.assign(estimate=math.nan))
    assert b"Nothing to draw" in render(empty, "svg")
