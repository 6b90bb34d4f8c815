"""Copy flags: windows without state, wordless tokens, and what a missing row means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from summary_tables import of, table

from residue.lens.summaries import copying
from residue.lens.summaries.trajectories import Trajectories

SURE = 0.99


def reading(ids: list[int], p: float = SURE, **key: str) -> pd.DataFrame:
    n = len(ids)
    return table({"top1_id": ids, "p_top1": [p] * n, "margin": [0.9] * n}, **key)


def flags(lines: pd.DataFrame, prompt: list[int], **options: object) -> dict[str, list[bool]]:
    t = Trajectories.of(lines, copying.COLUMNS)
    made = copying.copy_flags(t, {"a": prompt, "b": prompt}, (), **options)  # type: ignore[arg-type]
    return {name: each[0].tolist() for name, each in made.items()}


def test_contiguous_parts_only() -> None:
    assert copying.contains([1, 2, 3], [2, 3])
    assert not copying.contains([1, 2, 3], [1, 3])
    assert not copying.contains([1, 2, 3], [])
    assert not copying.contains([], [1])


def test_a_held_token_counts_once() -> None:
    """Row by row, a window of two asks that neighbouring rows name neighbouring prompt tokens: it
    matched in none of 5,478 published rows."""
    held = reading([9, 4, 4, 4, 5, 5])
    assert flags(held, [3, 4, 5])["copy_soft_k2@0.5"] == [False] * 4 + [True, True]
    by_rows = flags(held, [3, 4, 5], collapse=False)["copy_soft_k2@0.5"]
    assert by_rows == [False] * 4 + [True, False]


def test_strict_needs_the_threshold_the_lead_and_a_word() -> None:
    lines = table({
        "top1_id": [7, 7, 7, 7, 8],
        "p_top1": [0.99, 0.95, 0.96, 0.96, 0.99],
        "margin": [0.9, 0.9, 0.10, 0.11, 0.9],
    })  # fmt: skip
    t = Trajectories.of(lines, copying.COLUMNS)
    made = copying.copy_flags(t, {"a": [7, 8]}, {8}, windows=(1,))
    assert made["copy_strict@0.95"][0].tolist() == [True, False, False, True, False]
    assert made["copy_soft_k1@0.5"][0].all()


def test_windows_begin_at_the_start_row() -> None:
    lines = reading([4, 5, 5])
    assert not any(flags(lines, [4, 5])["copy_soft_k2@0.5"])
    assert flags(lines, [4, 5], start=0)["copy_soft_k2@0.5"] == [False, True, True]


def test_a_row_that_is_missing_breaks_the_window() -> None:
    lines = reading([9, 4, 4, 5]).astype({"top1_id": float})
    lines.loc[2, "top1_id"] = np.nan
    assert not any(flags(lines, [4, 5])["copy_soft_k2@0.5"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=3, max_size=6), st.lists(st.integers(0, 3), max_size=5))
def test_another_lens_or_prompt_changes_no_flag(ids: list[int], prompt: list[int]) -> None:
    alone = flags(reading(ids), prompt)
    others = [reading(ids[::-1], lens="raw"), reading(ids[::-1], item="b")]
    lines = pd.concat([*others, reading(ids)]).sample(frac=1, random_state=3)
    t = Trajectories.of(lines, copying.COLUMNS)
    made = copying.copy_flags(t, {"a": prompt, "b": prompt}, ())
    ours = ((t.keys["item"] == "a") & (t.keys["lens"] == "norm")).to_numpy()
    assert {name: each[ours][0].tolist() for name, each in made.items()} == alone


@pytest.mark.parametrize("token", [" ", "▁", "Ġ", "Ċ", "▁ ", "。", "…", "”", "\n", "€", "▁-", ""])
def test_tokens_without_a_word(token: str) -> None:
    assert copying.blank_or_punctuation(token)


@pytest.mark.parametrize("token", ["▁Berlin", "Ġthe", "र", "7", "-a", "د"])
def test_tokens_with_a_word(token: str) -> None:
    assert not copying.blank_or_punctuation(token)


def test_milestones_leave_the_self_decoding_of_row_0_out() -> None:
    lines = reading([5, 5, 9])
    t = Trajectories.of(lines, copying.COLUMNS)
    made = copying.copy_flags(t, {"a": [4, 5]}, (), strict=(0.95,), windows=(1,))
    assert copying.copy_milestones(t.rows, made, 0)["copy_strict@0.95"].row[0] == 0
    assert copying.copy_milestones(t.rows, made)["copy_strict@0.95"].row[0] == 1
    assert copying.self_decoding(t, {"a": 5})[0] == 1
    assert copying.self_decoding(t, {"a": 4})[0] == 0
    assert np.isnan(copying.self_decoding(of({"top1_id": [5, 5]}, first=1), {"a": 5})[0])


def test_stability_sees_both_ends_of_the_sweep() -> None:
    """The published word is `mixed` for two models whose copy row does not move at all."""
    assert copying.stability({0.7: 0, 0.8: 0, 0.95: 0}, 42) == "stable"
    assert copying.stability({0.7: 3, 0.95: 12}, 40) == "fragile"
    assert copying.stability({0.7: 3, 0.95: 7}, 40) == "mixed"
    assert copying.stability({0.7: 3, 0.95: None}, 40) == "mixed"
    assert copying.stability({0.7: None, 0.95: np.nan}, 40) == "none"


def test_a_missing_row_has_not_been_seen_not_to_copy() -> None:
    rows = np.arange(6)
    copy, other = np.array([3.0]), np.zeros((1, 6), dtype=bool)
    whole = np.ones((1, 6), dtype=bool)
    gappy = whole.copy()
    gappy[0, 2] = False
    assert copying.only_in_main(copy, other, whole, rows, 1)[0] == 1
    assert np.isnan(copying.only_in_main(copy, other, gappy, rows, 1)[0])
    other[0, 4] = True
    assert copying.only_in_main(copy, other, gappy, rows, 1)[0] == 0
    assert np.isnan(copying.only_in_main(np.array([np.nan]), other, whole, rows, 1)[0])
