"""PC that is told d-separation finds the class of every graph of five nodes, and of larger ones."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest

from residue.stats.discovery import search
from residue.stats.graph_scores import cpdag

SMALL = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "stats" / "test_discovery.py"))

pytestmark = pytest.mark.slow


def test_one_graph_of_every_class_of_five_nodes() -> None:
    classes: dict[object, np.ndarray] = {}
    pairs = list(itertools.combinations(range(5), 2))
    for directions in itertools.product([0, 1, 2], repeat=len(pairs)):
        dag = np.zeros((5, 5), dtype=int)
        for (i, j), direction in zip(pairs, directions, strict=True):
            if direction:
                dag[(i, j) if direction == 1 else (j, i)] = 1
        if not np.linalg.matrix_power(dag, 5).any():
            classes.setdefault(((dag | dag.T).tobytes(), SMALL["colliders_of"](dag)), dag)
    assert len(classes) == 8782  # of labelled graphs, OEIS A007984
    for dag in classes.values():
        found = search(SMALL["d_separation"](dag), SMALL["names"](5), alpha=0.5)
        assert (found.adjacency == SMALL["class_of"](dag)).all(), dag
        assert not found.conflicts
        assert not found.ambiguous


def test_two_hundred_graphs_of_six_to_twelve_nodes() -> None:
    random = np.random.default_rng(7)
    for number in range(200):
        p = int(random.integers(6, 13))
        order = random.permutation(p)
        dag = np.triu(random.random((p, p)) < random.uniform(1.0, 4.0) / p, 1).astype(int)
        dag = dag[np.ix_(order, order)]
        found = search(
            SMALL["d_separation"](dag),
            SMALL["names"](p),
            alpha=0.5,
            at_once=(1, 4, 16)[number % 3],
            collider_rule=("max_p", "majority", "conservative")[number % 3],
        )
        assert (found.adjacency == cpdag(dag)).all(), dag
        assert not found.conflicts
        assert not found.ambiguous
