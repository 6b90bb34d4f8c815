from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from residue.lens.recall import ignorant_recall, recall

TABLES = arrays(np.float64, (3, 4, 5), elements=st.floats(-20.0, 0.0))


@settings(deadline=None)
@given(TABLES)
def test_base_reads_all_oracle_nothing_and_no_one_leaves_the_unit_interval(
    tables: np.ndarray,
) -> None:
    arm, base, oracle = tables
    known = np.isfinite(recall(arm, base, oracle))
    assert (recall(base, base, oracle)[known] == 1.0).all()
    assert recall(oracle, base, oracle)[known] == pytest.approx(0.0)
    found = recall(arm, base, oracle)[known]
    assert ((found >= -1e-12) & (found <= 1.0)).all()


@settings(deadline=None)
@given(TABLES, arrays(np.float64, (4, 5), elements=st.floats(0.0, 5.0)))
def test_saying_the_answer_louder_never_lowers_recall(tables: np.ndarray, more: np.ndarray) -> None:
    arm, base, oracle = tables
    low, high = recall(arm, base, oracle), recall(arm + more, base, oracle)
    known = np.isfinite(low)
    assert (high[known] >= low[known] - 1e-12).all()


def test_the_published_score_by_hand() -> None:
    # Gaps of 4, 2 and 0.04 nats; the last is below the threshold. Lost: 1 of 4 and, cut, 2 of 2.
    base, oracle = np.array([[-1.0, -1.0, -1.0]]), np.array([[-5.0, -3.0, -1.04]])
    arm = np.array([[-2.0, -9.0, -8.0]])
    score = (4 * 0.25 + 2 * 1.0) / (4 + 2)
    assert recall(arm, base, oracle) == pytest.approx([1 - score])


def test_halfway_between_is_half() -> None:
    rng = np.random.default_rng(0)
    oracle = rng.normal(-6, 1, (6, 4))
    base = oracle + rng.uniform(0.1, 5, (6, 4))
    assert recall((base + oracle) / 2, base, oracle) == pytest.approx(np.full(6, 0.5))


def test_where_the_base_reads_no_better_there_is_no_recall() -> None:
    same = np.full((1, 3), -4.0)
    assert np.isnan(recall(same, same, same)).all()


def test_an_ignorant_model_scores_what_chance_alone_adds() -> None:
    rng = np.random.default_rng(1)
    oracle = np.full((200, 5), -6.0)
    base = oracle + 4.0
    strangers = rng.normal(0, 1.5, (300, 1)) * np.ones(5)
    level = ignorant_recall(base, oracle, strangers)
    # What chance adds above the oracle, up to the base; what it takes away is cut.
    assert level == pytest.approx(np.full(200, np.clip(strangers[:, 0], 0, 4).mean() / 4))
    assert level.mean() > 0.1
    silent = ignorant_recall(base, oracle, -np.abs(strangers))
    assert silent == pytest.approx(np.zeros(200))
    assert ignorant_recall(base, oracle, np.empty((0, 5))) == pytest.approx(np.zeros(200))
