from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from residue.report.depth import COLUMNS, depth_table
from residue.report.depth_figures import heat_maps, trajectories
from residue.report.drawing import render
from residue.report.page import Page
from residue.report.sections import depth as section
from residue.report.traces import Cells, Prompt, Trace, cells
from residue.specs.depth import DepthSpec
from residue.specs.statistics import StatisticsSpec
from tests.unit.hostile_text import HOSTILE

SPEC = DepthSpec(lenses=("final_norm",))
STATISTICS = StatisticsSpec(n_bootstrap=1000)
ROWS = 4
SPLITS = {"forget_test": 14, "retain_untouched": 12, "never_seen": 4}


def deck() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": f"lens/{relation}/{split}{k}/{language}/orig",
            "split": split,
            "language": language,
            "country": f"{split}{k}",
            "style": "orig",
            "requested": split == "forget_test" and language == "en",
        }
        for split, count in SPLITS.items()
        for k in range(count)
        for relation in ("capital", "currency")
        for language in ("en", "ur")
    )


def lens_table(items: pd.DataFrame, rises: float, seeds: int = 1, start: int = 0) -> pd.DataFrame:
    """Log-odds that rise by so many nats per row, with noise of item and seed."""
    rng = np.random.default_rng(start)
    own = rng.normal(0, 0.5, len(items))
    parts = [
        pd.DataFrame(
            {"pair": 0, "seed": seed, "condition": "plain", "item": items["item"], "row": row,
             "log_odds_foil": rises * row + own + rng.normal(0, 0.1, len(items))}
        )
        for seed in range(seeds) for row in range(ROWS)
    ]  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table.assign(answer_rank=np.where(table["log_odds_foil"] > 3.5, 1, 4))


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    return deck()


@pytest.fixture(scope="module")
def known(items: pd.DataFrame) -> pd.DataFrame:
    """All but one country's facts."""
    return pd.DataFrame(
        {"pair": 0, "item": items["item"], "known": items["country"] != "forget_test0"}
    )


@pytest.fixture(scope="module")
def tables(items: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    return {
        ("final_norm", "base"): lens_table(items, 2.0),
        ("final_norm", "oracle"): lens_table(items, 0.0, start=1),
        ("final_norm", "npo"): lens_table(items, 1.5, seeds=3, start=2),
    }


@pytest.fixture(scope="module")
def made(tables: dict, items: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    return depth_table(tables, items, known, SPEC, STATISTICS)


def curve(table: pd.DataFrame, arm: str, quantity: str, reference: str = "none") -> pd.DataFrame:
    return table[
        (table["arm"] == arm)
        & (table["quantity"] == quantity)
        & (table["reference"] == reference)
        & (table["slice"] == "set=forget,requested=true")
    ].set_index("row")


def test_levels_and_differences_are_what_was_put_in(made: pd.DataFrame) -> None:
    assert tuple(made.columns) == COLUMNS
    npo = curve(made, "npo", "log_odds")
    for row in range(ROWS):
        assert npo.at[row, "low"] < 1.5 * row < npo.at[row, "high"]
        assert curve(made, "npo", "log_odds", "base").at[row, "estimate"] == pytest.approx(
            npo.at[row, "estimate"] - curve(made, "base", "log_odds").at[row, "estimate"]
        )
    assert npo["n_seeds"].eq(3).all()


def test_only_facts_that_the_base_knows_count_save_those_nobody_saw(made: pd.DataFrame) -> None:
    assert curve(made, "base", "log_odds")["n_clusters"].eq(13).all()
    never = made[made["slice"] == "set=never_seen,language=en"]
    assert never["n_clusters"].eq(4).all()


def test_answers_emerge_later_in_the_edit_and_never_in_the_oracle(made: pd.DataFrame) -> None:
    first = made[
        (made["quantity"] == "first_row") & (made["slice"] == "set=forget,requested=true")
    ].set_index("arm")
    assert first.at["base", "estimate"] == 2
    assert first.at["npo", "estimate"] == 3
    assert np.isinf(first.at["oracle", "estimate"])
    assert (first["low"] <= first["estimate"]).all()
    assert (first["estimate"] <= first["high"]).all()


def test_another_arm_changes_no_line_of_the_others(
    tables: dict, items: pd.DataFrame, known: pd.DataFrame, made: pd.DataFrame
) -> None:
    fewer = {key: table for key, table in tables.items() if key[1] != "npo"}
    alone = depth_table(fewer, items, known, SPEC, STATISTICS)
    same = made[made["arm"] != "npo"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_a_run_without_an_oracle_or_foils_has_the_lines_that_can_be_had(
    tables: dict, items: pd.DataFrame, known: pd.DataFrame
) -> None:
    bare = {
        key: table.assign(log_odds_foil=np.nan)
        for key, table in tables.items()
        if key[1] != "oracle"
    }
    table = depth_table(bare, items, known, SPEC, STATISTICS)
    assert set(table["reference"]) == {"none", "base"}
    odds = table[table["quantity"] == "log_odds"]
    assert odds["estimate"].isna().all()
    assert odds["note"].ne("").all()
    assert table.loc[table["quantity"] == "first", "estimate"].notna().all()


@pytest.mark.parametrize("name", ["npo", *HOSTILE[:6]])
def test_curves_name_every_arm_and_are_well_formed(made: pd.DataFrame, name: str) -> None:
    table = made.assign(arm=made["arm"].replace("npo", name))
    drawn = render(trajectories(table, "final_norm"), "svg")
    assert drawn == render(trajectories(table, "final_norm"), "svg")
    ElementTree.fromstring(drawn)
    assert b"base" in drawn


def test_a_lens_that_read_nothing_is_said(made: pd.DataFrame) -> None:
    assert b"Nothing to draw" in render(trajectories(made, "prism"), "svg")
    assert b"Nothing to draw" in render(heat_maps([], "npo"), "svg")


class Head:
    """The rows are the logits."""

    def logits(self, rows: np.ndarray) -> np.ndarray:
        return rows


def test_a_cell_holds_the_likeliest_token_and_the_answers_log_probability() -> None:
    law = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]))
    trace = Trace(np.array([2, 0]), np.stack([law, law[::-1]]))
    found = cells(trace, Head(), 1, lambda token: "abc"[token])  # type: ignore[arg-type]
    assert found.prompt == ("c", "a")
    assert found.top.tolist() == [["a", "c"], ["c", "a"]]
    assert found.top_p == pytest.approx(np.array([[0.7, 0.6], [0.6, 0.7]]))
    assert np.exp(found.answer_logp) == pytest.approx(np.array([[0.2, 0.3], [0.3, 0.2]]))


@pytest.mark.parametrize("token", ["राज", "دار", "ਪੰਜਾਬ", "বাংলা", "\\xe0\\xa4", *HOSTILE[:6]])
def test_any_token_can_stand_in_a_cell(token: str) -> None:
    top = np.full((3, 2), token, dtype=object)
    one = Cells((token, " "), top, np.full((3, 2), 0.5), np.full((3, 2), -1.0))
    two = Cells((token, " "), top, np.full((3, 2), 0.5), np.full((3, 2), -9.0))
    ElementTree.fromstring(render(heat_maps([Prompt(token, one, two)], "npo"), "svg"))


def test_the_section_shows_rows_in_words_and_is_absent_without_a_table(made: pd.DataFrame) -> None:
    figures = {"depth_final_norm": render(trajectories(made, "final_norm"), "svg")}
    empty = pd.DataFrame(columns=["estimand", "condition", "arm", "estimate", "low", "high"])
    page = Page(empty, empty, {}, {}, figures=figures, depth=made)
    html = section.section(page)
    assert "never" in html
    assert "<b>Row by row, lens final norm.</b>" in html
    assert "13 countries" in html
    assert section.section(Page(empty, empty, {}, {})) == ""
