"""At a margin the scorecard says `supported` no more often than its size, within a band."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from scipy import stats

SIMULATION = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "scorecard_error.py"))

pytestmark = pytest.mark.slow


def test_verdicts_err_no_more_often_than_their_size() -> None:
    # A point more than the size is granted to skewed designs, and as much again to three seeds that
    # differ as countries do, where it is known to be lost; the band is one in 10,000 for each.
    at_margin = [each for each in SIMULATION["experiments"]() if "margin" in each.name
                 and "power" not in each.name and "planted" not in each.name]  # fmt: skip
    names = {(each.asks, each.name, each.spread, each.seeds) for each in at_margin}
    results = SIMULATION["report"](
        600, sys.stdout.write, lambda each: (each.asks, each.name, each.spread, each.seeds) in names
    )
    assert len(results) == len(names)
    for each, found in results:
        n = 600 if len(each.arms) == 1 else 300
        most = 0.06 if each.spread == "restless seeds" else 0.035
        assert found.supported <= stats.binom.ppf(0.9999, n, most) / n, each
        slices = 1 if each.asks != "forgotten" else 6 * len(each.arms)
        size = min(1.0, 0.035 * (2 if "every slice" in each.name else 1) * slices)
        assert found.refuted <= stats.binom.ppf(0.9999, n, size) / n, each


def test_what_is_planted_is_found_and_what_is_good_passes() -> None:
    found = {
        each.name: verdicts
        for each, verdicts in SIMULATION["report"](
            200,
            sys.stdout.write,
            lambda each: (
                "planted" in each.name or each.name.startswith("power: true differences 0 ")
            ),
        )
    }
    rates = {name: each.refuted for name, each in found.items() if "planted" in name}
    assert list(rates.values()) == sorted(rates.values()), "more is found more often"
    assert rates["planted: forgets off by 3 margins"] >= 0.9
    none = next(each for name, each in found.items() if name.startswith("power"))
    assert none.supported >= 0.5
    assert none.refuted <= 0.02
