"""Tests of independence and PC on data of known answer, kept outside of the project.

`RESIDUE_CAUSAL_DATA=FOLDER make test`: discrete samples of known networks, KCI p-values of another
program and enumerated HSIC cases, as `shared/data/causal` beside the project holds them.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from residue.stats.discovery import pc
from residue.stats.graph_scores import graph_scores
from residue.stats.independence import hsic_test, kci_test

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "causal"
FOLDER = Path(os.environ.get("RESIDUE_CAUSAL_DATA", "") or BESIDE)

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is absent and RESIDUE_CAUSAL_DATA names no other folder"
)


def test_enumerated_cases() -> None:
    for case in json.loads((FOLDER / "hsic_exact_sample.json").read_text()):
        x, y = np.array(case["x"]), np.array(case["y"])
        biased = hsic_test(x, y, estimator="biased")
        for found, true in (
            (biased.statistic, "hsic_biased"),
            (hsic_test(x, y).statistic, "hsic_unbiased"),
            (biased.null_mean, "null_mean"),
            (biased.null_variance, "null_var"),
            (biased.null_skewness, "null_skew"),
            (biased.p_value, "pearson3_p"),
        ):
            assert found == pytest.approx(case[true], rel=1e-9, abs=1e-12), true


def test_kci_gives_the_p_values_of_another_program() -> None:
    data = np.genfromtxt(FOLDER / "kci_gaussian.csv", delimiter=",", names=True)
    x, other, y, z = (data[name] for name in data.dtype.names or ())
    with (FOLDER / "kci_reference_gaussian.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["kernel"] == "Gaussian"]
    assert lines
    for line in lines:
        rule = line["width_rule"]
        width = float(line["width"]) if rule == "manual" else rule
        for sample, name in (((x, other), "X_Xprime"), ((x, z), "X_Z"), ((x, z, y), "X_Z_given_Y")):
            found = kci_test(*sample, width=width).p_value  # type: ignore[arg-type]
            assert found == pytest.approx(float(line[f"p_{name}"]), abs=2e-4), (rule, name)


@pytest.mark.parametrize(
    "network", sorted(path.name[: -len(".cpdag.txt")] for path in FOLDER.glob("*.cpdag.txt"))
)
def test_pc_is_as_near_to_the_true_graph_as_the_best_rule_of_another_program(network: str) -> None:
    """causal-learn 0.1.4.8, χ², the best of its collider rules and priorities."""
    best = {"cancer": 0, "survey": 0, "asia": 5}
    rows = np.loadtxt(FOLDER / f"{network}.txt", skiprows=1, dtype=str)
    true = np.loadtxt(FOLDER / f"{network}.cpdag.txt", skiprows=1) == -1
    found = pc(rows, test="chi2")
    assert graph_scores(found.adjacency, true).shd <= best[network]
    order = np.random.default_rng(0).permutation(len(true))
    again = pc(rows[:, order], test="chi2")
    assert (again.adjacency == found.adjacency[np.ix_(order, order)]).all()
