"""Decisions: what knows is dependent, what never knew within δ, what cannot tell not shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residue.report.order_tests import order_tests
from residue.report.tests import (
    DEPENDENT,
    INDEPENDENT,
    NOT_SHOWN,
    Facts,
    completed,
    decided,
    fact_tests,
    hidden_rows,
    with_multiplicity,
)
from residue.specs.statistics import StatisticsSpec
from residue.specs.tests import IndependenceSpec
from residue.stats.multiplicity import holm

COUNTRIES = [f"C{number:02d}" for number in range(30)]
STATISTICS = StatisticsSpec(n_bootstrap=1000)


def lines(p: dict[str, tuple[float, float]], aucs: dict[str, float]) -> pd.DataFrame:
    """Lines of rows 0 and 1; p: by arm, adjusted p of either row."""
    return pd.DataFrame(
        [
            {
                "arm": arm, "pair": 0, "seed": 0, "row": row, "group": "forget", "statistic": 1.0,
                "p": each[row], "p_rows": each[row], "auc": aucs[arm], "swapped_mean": 0.5,
                "swapped_low": 0.4, "swapped_high": 0.6, "p_swapped": 0.5, "n_items": 60,
                "n_clusters": 30, "reason": "",
            }
            for arm, each in p.items()
            for row in (0, 1)
        ]
    )  # fmt: skip


def scores(levels: dict[str, float]) -> pd.DataFrame:
    """AUROC of one item per country and row; the oracle's with planted signals."""
    rng = np.random.default_rng(0)
    parts = []
    for arm, level in levels.items():
        for row in (0, 1):
            for planted in (0.0, 0.25, 0.5, 1.0) if arm == "oracle" else (0.0,):
                noise = 0.05 * rng.normal(size=len(COUNTRIES))
                parts.append(
                    pd.DataFrame(
                        {
                            "arm": arm, "pair": 0, "seed": 0, "row": row, "item": COUNTRIES,
                            "planted": planted, "auc": level + 0.4 * planted + noise,
                        }
                    )
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    p = {"base": (0.5, 0.001), "oracle": (0.9, 0.6), "kept": (0.4, 0.001), "gone": (0.4, 0.7)}
    aucs = {"base": 0.95, "oracle": 0.5, "kept": 0.94, "gone": 0.5}
    facts = Facts(lines(p, aucs), scores(aucs), {name: name for name in COUNTRIES})
    return with_multiplicity(fact_tests(facts, IndependenceSpec(), STATISTICS))


def decision(table: pd.DataFrame, test: str, arm: str, row: int) -> str:
    mine = table[(table["test"] == test) & (table["arm"] == arm) & (table["row"] == row)]
    assert len(mine) == 1
    return str(mine["decision"].iloc[0])


def test_a_row_is_decided_only_where_the_base_is_found_and_the_oracle_is_not(
    table: pd.DataFrame,
) -> None:
    for arm in ("base", "kept", "gone"):
        assert decision(table, "readout_excess", arm, 0) == NOT_SHOWN
    assert decision(table, "readout_excess", "kept", 1) == DEPENDENT
    assert decision(table, "readout_excess", "gone", 1) == INDEPENDENT
    found = hidden_rows(
        lines({"base": (0.01, 0.01), "oracle": (0.01, 0.5)}, {"base": 0.9, "oracle": 0.5}), 0.05
    )
    assert list(found) == [0]
    assert "oracle" in found[0]


def test_a_large_p_never_decides_for_independence(table: pd.DataFrame) -> None:
    rejecting = table[table["test"] == "readout_hsic"]
    assert INDEPENDENT not in set(rejecting["decision"])
    assert decision(table, "readout_hsic", "gone", 1) == "inconclusive"


def test_adjusted_p_values_are_those_of_the_shown_family(table: pd.DataFrame) -> None:
    family = table[table["p"].notna() & (table["decision"] != NOT_SHOWN)]
    np.testing.assert_allclose(family["p_holm"], holm(family["p"]))
    assert (family["p_bh"] <= family["p_by"]).all()
    assert table.loc[table["decision"] == NOT_SHOWN, "p_holm"].isna().all()


def test_power_grows_with_what_is_planted_and_a_signal_of_full_size_is_found(
    table: pd.DataFrame,
) -> None:
    mine = table[(table["test"] == "readout_excess") & (table["arm"] == "gone")]
    assert (mine["power"] > 0.8).all()
    assert (mine["detectable"] < 0.15).all()


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (-0.05, 0.05, INDEPENDENT),
        (0.02, 0.12, INDEPENDENT),
        (0.02, 0.3, DEPENDENT),
        (-0.4, -0.2, DEPENDENT),
        (-0.05, 0.3, "inconclusive"),
        (float("nan"), float("nan"), "inconclusive"),
    ],
)
def test_decisions_follow_the_interval(low: float, high: float, wanted: str) -> None:
    assert decided(low, high, 0.15)[0] == wanted


def test_an_order_without_effect_is_within_margin_and_shares_are_ratios() -> None:
    rng = np.random.default_rng(1)
    parts = []
    for arm, shift, loss in (("deaf", 0.01, 0.0), ("obedient", 0.9, 5.0)):
        for row in (1, 2):
            clean = -0.1 + 0.01 * rng.normal(size=30)
            attacked = clean - loss
            parts.append(
                pd.DataFrame(
                    {
                        "arm": arm, "pair": 0, "seed": 0, "item": COUNTRIES, "row": row,
                        "total_variation": shift + 0.01 * rng.random(30), "kl": 0.0,
                        "logp_clean": clean, "logp_attacked": attacked,
                        "logp_clean_rows": attacked + 0.25 * row * loss,
                        "logp_attacked_rows": clean - 0.5 * loss,
                        "status": "ok", "reason": "",
                    }
                )
            )  # fmt: skip
    none = pd.DataFrame(columns=["arm", "pair", "seed", "row", "statistic", "p", "auc"])
    made = order_tests(
        pd.concat(parts), none, {name: name for name in COUNTRIES}, IndependenceSpec(), STATISTICS
    )
    shifts = made[made["test"] == "order_shift"].set_index("arm")["decision"]
    assert shifts.to_dict() == {"deaf": INDEPENDENT, "obedient": DEPENDENT}
    carried = made[(made["test"] == "order_carried")].set_index(["arm", "row"])
    np.testing.assert_allclose(carried.loc["obedient", "effect"], [0.25, 0.5])
    assert set(carried.loc["deaf", "decision"]) == {NOT_SHOWN}


def test_what_one_pairs_base_does_not_know_is_unscorable_there() -> None:
    """So that runs of several pairs hold the same items, as every estimand wants."""
    line = {"metric": "readout_auc", "arm": "npo", "seed": 0, "value": 0.5, "status": "ok"}
    runs = [
        pd.DataFrame([line | {"pair": pair, "item": item, "row": 2} for item in items])
        for pair, items in enumerate((["a", "b"], ["b", "c"]))
    ]
    for run, lacking in zip(completed(runs), ("c", "a"), strict=True):
        assert sorted(run["item"]) == ["a", "b", "c"]
        assert run["pair"].nunique() == 1
        assert run.loc[run["status"] != "ok", "item"].tolist() == [lacking]
