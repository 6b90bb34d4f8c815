"""Figures: same bytes for the same table, every arm named, nothing drawn outside the data."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from report_tables import estimate_table

from residue.report import drawing, figures

ARMS = ("base", "oracle", "npo", "gate", "suppress", "destroyed", "x1", "x2")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_same_table_same_bytes(kind: str) -> None:
    first, second = (
        drawing.render(figures.tradeoff(estimate_table(), forget_margin=0.2), kind)  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert first == second
    assert not re.search(rb"20\d\d-\d\d-\d\d|[Mm]atplotlib v", first)


def test_bytes_do_not_depend_on_the_process() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from report_tables import estimate_table as t;"
        "from residue.report import drawing as d, figures as f;"
        "sys.stdout.buffer.write(d.render(f.by_language(t(), requested=('en',)), 'svg'))"
    )
    here = str(Path(__file__).parent)
    run = subprocess.run([sys.executable, "-c", code, here], capture_output=True, check=True)
    mine = figures.by_language(estimate_table(), requested=("en",))
    assert run.stdout == drawing.render(mine, "svg")


def test_every_arm_is_named_and_looks_different() -> None:
    table = estimate_table(ARMS)
    for figure in (figures.tradeoff(table), figures.by_language(table)):
        text = drawing.render(figure, "svg").decode()
        for arm in ARMS:
            assert f">{arm}</text>" in text
    styles = drawing.looks(ARMS)
    edits = [styles[arm] for arm in ARMS if arm not in ("base", "oracle")]
    assert len(set(edits)) == len(edits)
    assert len(set(drawing.looks(range(36)).values())) == 36  # type: ignore[arg-type]


def test_names_are_drawn_as_text_and_never_as_formula_or_markup() -> None:
    table = estimate_table().replace({"arm": {"npo": "$x^2$ <b>&"}})
    svg = drawing.render(figures.tradeoff(table), "svg")
    words = [node.text for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")]
    assert "$x^2$ <b>&" in words


def test_tradeoff_draws_means_intervals_and_seeds_where_they_are() -> None:
    table = estimate_table()
    ax = figures.tradeoff(table, forget_margin=0.2, retain_margin=0.1).axes[0]
    npo = table[(table["arm"] == "npo") & (table["slice"] == "")].set_index("estimand")
    points = {
        tuple(np.round(xy, 9)) for line in ax.lines for xy in np.column_stack(line.get_data())
    }
    f, r = npo.loc["forget"], npo.loc["retain"]
    wanted = [(f.estimate, r.estimate), (f.low, r.estimate), (f.estimate, r.high)]
    wanted += list(zip(f.seed_values, r.seed_values, strict=True))
    assert {tuple(np.round(xy, 9)) for xy in wanted} <= points
    zone = ax.patches[0].get_bbox()
    assert zone.x1 == pytest.approx(0.04 + 0.2)
    assert zone.y0 == pytest.approx(0.985 - 0.1)


def test_first_rows_are_shares_with_never_last() -> None:
    counts = pd.DataFrame(
        {"arm": ["base"] * 3 + ["npo"] * 2, "row": [0, 2, None, 1, None], "n": [1, 2, 1, 1, 3]}
    )
    ax = figures.first_rows(counts).axes[0]
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([0.25, 0.5, 0.25, 0.25, 0.75])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "never"]


def test_first_rows_that_were_not_measured_are_said_and_never_is_drawn_alone() -> None:
    empty = pd.DataFrame(columns=["arm", "row", "n"])
    assert b"Nothing to draw" in drawing.render(figures.first_rows(empty), "svg")
    never = pd.DataFrame({"arm": ["npo"], "row": [float("nan")], "n": [3]})
    ax = figures.first_rows(never).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [1.0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["never"]


def test_near_labels_keep_their_distance_and_far_ones_stay() -> None:
    points = [(0.1, 0.5), (0.1, 0.5), (0.2, 0.9), (0.15, 0.48), (0.9, 0.5)]
    placed = drawing.apart(points, reach=0.25, gap=0.05)
    assert np.diff(np.sort(placed[:4])).min() >= 0.05 - 1e-12
    assert placed[2] == 0.9
    assert placed[4] == 0.5


def test_missing_estimates_are_said_not_drawn() -> None:
    empty = estimate_table().assign(estimate=float("nan"))
    for figure in (figures.tradeoff(empty), figures.by_language(empty)):
        assert b"Nothing to draw" in drawing.render(figure, "svg")
