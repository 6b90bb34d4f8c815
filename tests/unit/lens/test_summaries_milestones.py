"""Milestones on tables computed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from summary_tables import of, table

from residue.lens.summaries import confirmation, milestones, scan, suite, surface
from residue.lens.summaries.trajectories import Trajectories

GATES = {
    "answer_rank": [1, 4, 1, 1, 1, 2, 1],
    "p_answer": [0.5, 0.1, 0.0105, 0.3, 0.4, 0.2, 0.9],
    "answer_logit_gap": [9.0, -1.0, 2.0, 0.4, 0.6, -0.1, 3.0],
}
"""Seven rows, V = 100: at row 2 first by 0.0005 over uniform, at row 3 by 0.4 logits."""


def rows_of(t: Trajectories, **options: int) -> dict[str, float]:
    found = milestones.gate_milestones(t, 100, **options)
    return {name: float(each.row[0]) for name, each in found.items()}


def test_gates_by_hand() -> None:
    assert rows_of(of(GATES)) == pytest.approx(
        {"margin_ok": 3, "top2_ok": 2, "strong": 4, "run2": 2, "strong_run2": np.nan}, nan_ok=True
    )


def test_row_0_counts_only_where_it_is_asked_for() -> None:
    """Tied embeddings decode the input at row 0, whatever the model knows."""
    t = of(GATES)
    assert milestones.semantic(t).row[0] == 2
    assert milestones.semantic(t, start=0).row[0] == 0
    assert rows_of(t, start=0)["strong"] == 0


def test_gates_live_on_the_columns_of_the_table_itself() -> None:
    """Published gates were null for every model, since the gap never reached the summariser."""
    without = {name: values for name, values in GATES.items() if name != "answer_logit_gap"}
    found = milestones.gate_milestones(of(without), 100)
    assert found["strong"].reason[0] == scan.UNRECORDED
    assert milestones.gate_milestones(of(GATES), 100)["strong"].reason[0] == ""


def test_thresholds_include_their_end() -> None:
    t = of({"kl_to_final": [3.0, 1.0, 0.5], "cos_to_final": [0.0, 0.2, 0.6]})
    kl, cos = milestones.kl_milestones(t, (0.5, 1.0)), milestones.cosine_milestones(t, (0.2, 0.4))
    assert [kl[name].row[0] for name in ("kl<=0.5", "kl<=1")] == [2, 1]
    assert [cos[name].row[0] for name in ("cos>=0.2", "cos>=0.4")] == [1, 2]
    assert milestones.entropy_collapse(of({"entropy": [0, 3, 1.0]}), 1.0).row[0] == 2


def test_entropy_gaps_leave_row_0_out() -> None:
    quartiles, count = milestones.entropy_gaps(of({"entropy_gap": [99.0, 1.0, 2.0, 3.0]}))
    assert quartiles[:, 0].tolist() == [1.5, 2.0, 2.5]
    assert count[0] == 3


def test_surface_milestones_by_hand() -> None:
    t = of({
        "answer_mass": [0.9, 0.10, 0.30, 0.6],
        "echo_mass": [0.0, 0.30, 0.26, 0.1],
        "cos_to_answer": [0.9, 0.10, 0.125, 0.2],
        "cos_to_prompt_max": [0.0, 0.09, 0.10, 0.1],
        "topk_prompt_mass": [0.1, 0.50, 0.33, 0.1],
    })  # fmt: skip
    meaning = surface.surface_to_meaning(t)
    assert (meaning.found.row[0], meaning.answer[0], meaning.prompt[0]) == (3, 0.6, 0.1)
    assert surface.geometric_crossover(t).found.row[0] == 2
    decay = surface.topk_decay(t)
    assert (decay.found.row[0], decay.prompt[0]) == (2, 0.33)
    assert surface.topk_decay(t, start=0).found.row[0] == 0


def ranks(lens: str, values: list[int], item: str = "a") -> pd.DataFrame:
    return table({"answer_rank": values}, lens=lens, item=item)


def test_confirmation_looks_near_the_main_row_not_for_the_earliest() -> None:
    main = of({"answer_rank": [5, 5, 5, 5, 1, 1]})
    raw = of({"answer_rank": [5, 1, 5, 5, 5, 1]}, lens="raw")
    tuned = of({"answer_rank": [5, 1, 5, 5, 5, 5]}, lens="tuned")
    semantic = milestones.semantic(main)
    both = confirmation.confirm(semantic, {"raw": raw, "tuned": tuned}, within=2)
    assert (both.found.row[0], both.sources[0]) == (4, "raw")
    alone = confirmation.confirm(semantic, {"tuned": tuned}, within=2)
    assert (alone.found.reason[0], alone.sources[0]) == (confirmation.UNCONFIRMED, "")
    assert confirmation.confirm(semantic, {}).found.reason[0] == confirmation.NOT_ASKED


def test_every_fact_is_confirmed_not_only_the_first() -> None:
    """Published suites confirmed one fact, and called its row the median of five."""
    items = ["a", "b", "c"]
    values = [[5, 1, 1], [5, 5, 1], [5, 5, 5]]
    main = Trajectories.of(
        pd.concat([ranks("norm", v, i) for i, v in zip(items, values, strict=True)]),
        ["answer_rank"],
    )
    raw = Trajectories.of(pd.concat([ranks("raw", [5, 1, 1], i) for i in items]), ["answer_rank"])
    found = confirmation.confirm(milestones.semantic(main), {"raw": raw}, within=1).found
    assert found.row[:2].tolist() == [1, 2]
    spread = suite.spread(found.row)
    assert (spread.n, spread.n_missing, spread.median) == (3, 1, 1.5)
    assert suite.as_row(spread.median) == 2


def test_runs_and_the_confirmed_window() -> None:
    run, semantic = np.array([7.0, 8.0, np.nan]), np.array([10.0, 10.0, 10.0])
    assert confirmation.run_overlaps(run, semantic).tolist()[:2] == [1.0, 1.0]
    assert confirmation.run_overlaps(np.array([6.0]), np.array([10.0]))[0] == 0
    assert np.isnan(confirmation.run_overlaps(run, semantic)[2])


def test_delta_hat_takes_the_strict_copy_before_any_soft_one() -> None:
    nan = np.nan
    share = suite.delta_hat(
        np.array([8.0, 8.0, 8.0, nan]),
        np.array([4.0, nan, nan, 1.0]),
        np.array([[1.0, 6.0, nan, 1.0], [nan, 3.0, nan, 1.0]]),
        10,
    )
    assert share[:2].tolist() == pytest.approx([0.4, 0.5])
    assert np.isnan(share[2:]).all()
