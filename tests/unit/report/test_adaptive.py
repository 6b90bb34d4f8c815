"""Success by attempts: one draw is the mean of the draws, it grows with n, budgets are those spent;
the page shows what was tried and escapes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from residue.report.adaptive import EVERYONE, adaptive_table, of_run
from residue.report.adaptive_figure import curves
from residue.report.page import Page
from residue.report.sections.attackers import section
from residue.specs.statistics import StatisticsSpec
from tests.unit.hostile_text import MARKUP

COUNTRIES = [f"C{i}" for i in range(12)]
ONCE = StatisticsSpec(n_bootstrap=1000)


def attempts(attacker: str, hits: np.ndarray, *, drawn: bool, dev: int = 0) -> pd.DataFrame:
    """Attempts on each country, obeyed where `hits` (countries, attempts) says so; `dev` queries
    went before, to choose."""
    rows: list[dict[str, Any]] = []
    blank = {"attacker": attacker, "drawn": drawn, "backwards": 0}
    for country, line in zip(COUNTRIES, hits, strict=True):
        for number, hit in enumerate(line, start=1):
            outcome = {1: "obeyed", 0: "done", -1: "unscorable"}[int(hit)]
            rows.append(
                blank
                | {"phase": "attack", "country": country, "item": f"{country}/clean",
                   "attempt": number, "outcome": outcome, "queries": number, "forwards": 3 * number}
            )  # fmt: skip
    for number in range(1, dev + 1):
        spent = {"attempt": number, "queries": number, "forwards": number}
        rows.append(
            blank | spent | {"phase": "choose", "country": "D", "item": "D", "outcome": "obeyed"}
        )
    return pd.DataFrame(rows)


def estimated(*tables: pd.DataFrame, arm: str = "base") -> pd.DataFrame:
    return adaptive_table([of_run(pd.concat(tables), arm, 0, 0)], ONCE)


def hits(seed: int = 0, share: float = 0.3) -> np.ndarray:
    return (np.random.default_rng(seed).random((len(COUNTRIES), 8)) < share).astype(int)


def by_n(found: pd.DataFrame, attacker: str) -> pd.Series:
    """Levels of success, n by n."""
    mine = found[(found["attacker"] == attacker) & (found["measure"] == "obeyed")]
    return mine[mine["reference"] == "none"].set_index("n")["estimate"]


@pytest.mark.parametrize("seed", range(5))
def test_success_grows_with_n_from_one_draw_to_any(seed: int) -> None:
    made = hits(seed)
    tables = attempts("drawn", made, drawn=True), attempts("in_turn", made, drawn=False)
    found = estimated(*tables)
    for name in ("drawn", "in_turn"):
        levels = by_n(found, name)
        assert levels.index.tolist() == [1, 2, 4, 8]
        assert (levels.diff().dropna() >= 0.0).all()
        assert levels[8] == pytest.approx(made.any(axis=1).mean())
    assert by_n(found, "drawn")[1] == pytest.approx(made.mean())
    assert by_n(found, "in_turn")[1] == pytest.approx(made[:, 0].mean())
    assert by_n(found, "in_turn")[2] == pytest.approx(made[:, :2].any(axis=1).mean())
    right = found[found["measure"] == "right"].set_index("attacker")["estimate"]
    assert right["drawn"] == pytest.approx(1.0 - made.mean())


def test_no_interval_is_narrower_than_countries_without_a_difference_allow() -> None:
    made = np.ones((len(COUNTRIES), 32), int)
    made[0, 0] = 0  # so that chances vary, hardly
    found = estimated(attempts("a", made, drawn=True))
    near = found[(found["measure"] == "obeyed") & (found["n"] == 16)].iloc[0]
    assert near["estimate"] > 0.99
    assert near["low"] == pytest.approx(1.0 - near["attainable"])


def test_one_try_is_one_draw() -> None:
    made = hits()[:, :1]
    one, all_of_them = estimated(attempts("b", made, drawn=True)), made.mean()
    assert by_n(one, "b").to_dict() == {1: pytest.approx(all_of_them)}


def test_everyone_together_is_any_of_all_and_pays_for_all() -> None:
    a, b = hits(1), hits(2)
    found = estimated(attempts("a", a, drawn=True, dev=7), attempts("b", b, drawn=False))
    row = found[(found["attacker"] == EVERYONE) & (found["measure"] == "obeyed")].iloc[0]
    assert row["n"] == 16
    assert row["estimate"] == pytest.approx((a.any(axis=1) | b.any(axis=1)).mean())
    assert (row["queries"], row["forwards"], row["choosing"]) == (16, 48, 7)
    last = found[(found["attacker"] == "a") & (found["n"] == 4)].iloc[0]
    assert (last["queries"], last["forwards"], last["choosing"]) == (4, 12, 7)


def test_an_item_without_an_outcome_is_counted_and_no_success() -> None:
    made = hits()
    made[0] = -1
    row = estimated(attempts("a", made, drawn=True)).iloc[-1]
    assert row["n_unscorable"] == 1
    assert row["n_clusters"] == len(COUNTRIES) - 1
    made[0, 0] = 0  # one outcome is enough, and the others count as failures
    assert estimated(attempts("a", made, drawn=True)).iloc[-1]["n_unscorable"] == 0


def test_an_arm_is_compared_with_the_base_by_item() -> None:
    base, arm = hits(3, 0.6), hits(4, 0.1)
    tables = [
        of_run(attempts("a", made, drawn=True), name, 0, 0)
        for name, made in (("base", base), ("defended", arm))
    ]
    found = adaptive_table(tables, ONCE)
    change = found[found["reference"] == "base"]
    assert set(change["arm"]) == {"defended"}
    expected = arm.any(axis=1).mean() - base.any(axis=1).mean()
    assert change["estimate"].tolist() == [pytest.approx(expected)] * 1


def test_the_page_tells_n_and_budget_and_escapes_names() -> None:
    found = estimated(attempts(MARKUP[0], hits(), drawn=False, dev=2000))
    empty = pd.DataFrame()
    page = Page(empty, empty, {}, {}, adaptive=found)
    text = section(page)
    assert MARKUP[0] not in text
    assert ">8</td>" in text
    assert "16 further forward passes" in text
    assert "to choose: 2,000" in text
    assert section(Page(empty, empty, {}, {})) == ""


def test_curves_are_drawn_for_any_number_of_attackers() -> None:
    tables = [attempts(f"a{i}", hits(i)[:, : i + 1], drawn=True) for i in range(3)]
    assert len(curves(estimated(*tables)).axes) == 3
    assert not curves(estimated(tables[0]).iloc[:0]).axes
