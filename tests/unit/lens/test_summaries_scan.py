"""First rows, runs, quantiles: the one way in which milestones are found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from summary_tables import of, table

from residue.lens.summaries import scan
from residue.lens.summaries.trajectories import Trajectories

ROWS = np.arange(5)


def flags(text: str) -> np.ndarray:
    return np.array([[letter == "1" for letter in text]])


def test_first_rows_by_hand() -> None:
    holds = flags("10101")
    assert scan.first_row(ROWS, holds)[0] == 2
    assert scan.first_row(ROWS, holds, start=0)[0] == 0
    assert np.isnan(scan.first_row(ROWS, flags("10000"))[0])
    assert scan.first_run(ROWS, flags("01101"))[0] == 1
    assert np.isnan(scan.first_run(ROWS, flags("01010"))[0])
    assert scan.first_lasting(ROWS, flags("01011"))[0] == 3
    assert np.isnan(scan.first_lasting(ROWS, flags("11110"))[0])


def test_a_run_of_two_needs_neighbouring_rows() -> None:
    rows = np.array([0, 1, 3, 4])
    assert scan.first_run(rows, flags("0111"))[0] == 3


def test_what_is_true_at_the_last_row_alone_is_no_run_and_says_so() -> None:
    rank = np.array([[9.0, 5.0, 1.0]])
    result = scan.found_run(np.arange(3), rank == 1, rank)
    assert np.isnan(result.row[0])
    assert result.reason[0] == scan.ONLY_LAST


def test_never_is_told_from_not_recorded() -> None:
    rows, nothing = np.arange(2), np.full((1, 2), np.nan)
    never = scan.found(rows, np.array([np.nan]), np.ones((1, 2)))
    absent = scan.found(rows, np.array([np.nan]), nothing)
    assert (never.reason[0], absent.reason[0]) == (scan.NEVER, scan.UNRECORDED)
    assert scan.found(rows, np.array([1.0]), nothing).reason[0] == ""


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(0, 8))
def test_a_later_start_never_finds_an_earlier_row(holds: list[bool], start: int) -> None:
    given_flags, rows = np.array([holds]), np.arange(len(holds))
    early = scan.first_row(rows, given_flags, 0)[0]
    late = scan.first_row(rows, given_flags, start)[0]
    if not np.isnan(late):
        assert early <= late
        assert late >= start
        assert holds[int(late)]


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9),
    st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)
def test_quantiles_are_numpys_linear_ones(values: list[float], p: float) -> None:
    ours = scan.quantile(np.array([[*values, np.nan]]), p)[0]
    assert ours == pytest.approx(np.quantile(values, p), rel=1e-12, abs=1e-9)


def test_a_quantile_of_nothing_is_missing() -> None:
    assert np.isnan(scan.quantile(np.full((1, 3), np.nan), 0.5)[0])


def test_thresholds_have_one_spelling() -> None:
    """A published summary looked up "0.70" among keys spelt "0.7", and never found it."""
    assert scan.named(0.70) == "0.7"
    assert scan.named(1.0) == "1"
    assert scan.named(0.95) == "0.95"


def test_the_row_at_a_fraction_rounds_halves_to_even() -> None:
    assert [scan.row_at(42, p) for p in (0.25, 0.5, 0.75)] == [10, 21, 32]


def test_the_order_of_lines_does_not_matter() -> None:
    lines = pd.concat([table({"x": [1, 2, 3]}, item="b"), table({"x": [4, 5, 6]}, item="a")])
    mixed = lines.sample(frac=1, random_state=1)
    assert Trajectories.of(mixed, ["x"])["x"].tolist() == [[4, 5, 6], [1, 2, 3]]


def test_a_line_that_stands_twice_is_refused() -> None:
    """Published overlap columns of one fact were overwritten by another's (the same key)."""
    lines = pd.concat([table({"x": [1, 2]}), table({"x": [3, 4]})])
    with pytest.raises(ValueError, match="two lines for"):
        Trajectories.of(lines, ["x"])


def test_lines_are_matched_by_key_and_row() -> None:
    norm = Trajectories.of(pd.concat([table({"x": [1, 2, 3]}, item=item) for item in "ab"]), ["x"])
    tuned = of({"x": [8, 9]}, first=1, lens="tuned", item="b")
    matched = tuned.like(norm, ["item"])["x"]
    assert np.isnan(matched[0]).all()
    assert matched[1, 1:].tolist() == [8, 9]
    assert np.isnan(matched[1, 0])
