"""Norm against raw: the scores by hand, and views that know the risk."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summary_tables import of, random_pairs, table

from residue.lens.summaries import raw_audit
from residue.lens.summaries.trajectories import RUN, Trajectories

PAIRS = {
    "kl_norm_raw": [9.0, 0.2, 0.5, 2.0, 1.0],
    "js": [1.0, 0.05, 0.20, 0.10, 0.02],
    "l1": [2.0, 0.60, 0.50, 0.40, 0.30],
    "jaccard_50": [0.0, 0.2, 0.4, 0.6, 0.8],
    "answer_rank_norm": [1, 7, 1, 1, 1],
    "answer_rank_raw": [9, 7, 1, 3, 2],
}


def test_the_sweep_by_hand() -> None:
    full = raw_audit.sweep(of(PAIRS))
    assert full.share_high[0] == 0.5
    assert full.share_medium[0] == 0.75
    assert full.max_kl[0] == 2.0
    assert (full.norm_only[0], full.first_norm_only.row[0]) == (2, 3)
    assert [full.first_js.row[0], full.first_l1.row[0], full.first_jaccard.row[0]] == [1, 2, 3]
    assert full.score[0] == pytest.approx(0.6 * 0.5 + 0.3 + 0.1 * 2 / 5)
    assert full.score_2[0] == pytest.approx(0.64 + 0.1 * 0.75 + 0.05 * 0.9)
    assert full.tier[0] == "high"


def test_the_sweep_from_row_0_sees_row_0() -> None:
    full = raw_audit.sweep(of(PAIRS), start=0)
    assert (full.max_kl[0], full.first_norm_only.row[0]) == (9.0, 0)


@given(st.floats(0, 1), st.booleans(), st.floats(0, 100))
def test_scores_lie_between_0_and_1_and_rise(share: float, alone: bool, worst: float) -> None:
    score = raw_audit.risk_score(np.array([share]), np.array([alone]), np.array([worst]))
    more = raw_audit.risk_score(np.array([share]), np.array([True]), np.array([worst + 1]))
    assert 0 <= score[0] <= more[0] <= 1 + 1e-12


def test_tiers_and_their_ends() -> None:
    words = raw_audit.tier(np.array([0.199, 0.2, 0.5, 0.501, np.nan]))
    assert words.tolist() == ["low", "medium", "medium", "high", ""]


def test_sampled_rows() -> None:
    assert raw_audit.sampled_rows(32) == [0, 9, 17, 25]
    assert raw_audit.sampled_rows(42) == [0, 11, 22, 32]


def test_the_window_is_cut_when_the_risk_is_known() -> None:
    """Published windows read the risk before it was computed: too narrow for the first prompt, and
    of the first prompt's width for the others."""
    calm, wild = np.array([0.1]), np.array([1.0])
    low, high = np.array(["low"], dtype=object), np.array(["high"], dtype=object)
    reach = [raw_audit.radius(kl, risk)[0] for kl, risk in ((calm, low), (wild, low), (calm, high))]
    assert reach == [4, 8, 8]
    rows = np.arange(30)
    centres = [np.array([2.0, 15.0]), np.array([np.nan, 28.0])]
    near = raw_audit.window_rows(rows, centres, np.array([4.0, 8.0]))
    assert rows[near[0]].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert rows[near[1]].tolist() == list(range(7, 30))


def test_each_prompt_has_its_own_sample() -> None:
    """Published samples of five facts stood in one list, of which the summary read four lines."""
    calm = {name: [0.1] * 5 for name in ("kl_norm_raw", "js", "l1", "jaccard_50")}
    ranks = {"answer_rank_norm": [2] * 5, "answer_rank_raw": [2] * 5}
    lines = pd.concat([table(calm | ranks, item="a"), table(PAIRS, item="b")])
    t = Trajectories.of(lines, list(PAIRS))
    chosen = np.tile(np.isin(t.rows, [2, 3]), (2, 1))
    view = raw_audit.view(t, chosen)
    assert view.risk.tolist() == ["low", "high"]
    assert np.isnan(view.first_norm_only[0])
    assert view.first_norm_only[1] == 3


def test_a_raw_row_that_is_missing_is_not_norm_only() -> None:
    t = of(PAIRS | {"answer_rank_raw": [9, 7, 1, np.nan, 2]})
    assert raw_audit.norm_only(t)[0].tolist() == [True, False, False, False, True]


def test_another_prompt_changes_nothing() -> None:
    key = (*RUN, "item")
    alone = raw_audit.sweep(Trajectories.of(random_pairs("a"), raw_audit.COLUMNS, key))
    lines = pd.concat([random_pairs("b"), random_pairs("a")]).sample(frac=1, random_state=5)
    both = raw_audit.sweep(Trajectories.of(lines, raw_audit.COLUMNS, key))
    assert both.score[0] == alone.score[0]
    assert both.js[:, 0].tolist() == alone.js[:, 0].tolist()
