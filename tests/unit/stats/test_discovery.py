"""PC with a test that knows d-separation finds the class of every small graph, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import special

from residue.stats.conditional_tests import Test, contingency, fisher_z
from residue.stats.discovery import pc, search
from residue.stats.edge_frequencies import edge_frequencies
from residue.stats.graph_scores import cpdag, graph_scores

Array = np.ndarray


def d_separation(dag: Array) -> Test:
    """log p 0 where S d-separates i and j, else -inf; by the moralised ancestral graph."""
    p = len(dag)
    reach = np.eye(p, dtype=bool) | (dag > 0)
    for _ in range(p):
        reach = reach | ((reach.astype(int) @ reach.astype(int)) > 0)

    def separated(i: int, j: int, given: list[int]) -> bool:
        kept = reach[:, [i, j, *given]].any(axis=1)
        part = (dag > 0) & kept[:, None] & kept[None, :]
        moral = part | part.T | ((part.astype(int) @ part.T.astype(int)) > 0)
        moral[given] = moral[:, given] = False
        seen, front = {i}, [i]
        while front:
            for k in np.flatnonzero(moral[front.pop()]).tolist():
                if k not in seen:
                    seen.add(k)
                    front.append(k)
        return j not in seen

    def test(i: Array, j: Array, given: Array) -> Array:
        triples = zip(i.tolist(), j.tolist(), given.tolist(), strict=True)
        return np.array([0.0 if separated(*t) else -np.inf for t in triples])

    return test


def dags(p: int) -> Iterator[Array]:
    """Every DAG on p nodes in topological order of some permutation, each once."""
    seen = set()
    pairs = list(itertools.combinations(range(p), 2))
    for bits in itertools.product([0, 1], repeat=len(pairs)):
        upper = np.zeros((p, p), dtype=int)
        for (i, j), bit in zip(pairs, bits, strict=True):
            upper[i, j] = bit
        for order in itertools.permutations(range(p)):
            dag = upper[np.ix_(order, order)]
            key = dag.tobytes()
            if key not in seen:
                seen.add(key)
                yield dag


def names(p: int) -> tuple[str, ...]:
    return tuple(f"X{k}" for k in range(p))


def class_of(dag: Array) -> Array:
    """The CPDAG by its definition: arrows that all members share, lines where they differ.

    Members are found by trying every direction of every edge, not by Meek's rules.
    """
    joined = dag | dag.T
    edges = np.argwhere(np.triu(joined)).tolist()
    union = np.zeros_like(dag)
    for bits in itertools.product([False, True], repeat=len(edges)):
        other = np.zeros_like(dag)
        for (i, j), bit in zip(edges, bits, strict=True):
            other[(i, j) if bit else (j, i)] = 1
        acyclic = not np.linalg.matrix_power(other, len(dag)).any()
        if acyclic and colliders_of(other) == colliders_of(dag):
            union |= other
    return union


def colliders_of(dag: Array) -> frozenset[tuple[int, int, int]]:
    joined = dag | dag.T
    return frozenset(
        (i, k, j)
        for k in range(len(dag))
        for i, j in itertools.combinations(np.flatnonzero(dag[:, k]).tolist(), 2)
        if not joined[i, j]
    )


@pytest.mark.parametrize("p", [1, 2, 3])
def test_every_smaller_graph_by_the_definition_of_its_class(p: int) -> None:
    for dag in dags(p):
        found = search(d_separation(dag), names(p), alpha=0.5)
        assert (found.adjacency == class_of(dag)).all(), dag


@pytest.mark.parametrize("rule", ["conservative", "majority", "max_p"])
def test_every_graph_of_four_nodes(rule: str) -> None:
    count = 0
    for dag in dags(4):
        found = search(d_separation(dag), names(4), alpha=0.5, collider_rule=rule)  # type: ignore[arg-type]
        assert (found.adjacency == cpdag(dag)).all(), dag
        if rule == "max_p":
            assert (found.adjacency == class_of(dag)).all(), dag
        assert not found.conflicts
        assert not found.ambiguous
        count += 1
    assert count == 543  # number of DAGs on 4 labelled nodes (Robinson 1973)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_up_to_twelve_nodes(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = int(random.integers(6, 13))
    order = random.permutation(p)
    dag = np.triu(random.random((p, p)) < 2.5 / p, 1).astype(int)[np.ix_(order, order)]
    found = search(d_separation(dag), names(p), alpha=0.5, at_once=4)
    assert (found.adjacency == cpdag(dag)).all()
    for (i, j), given in found.separating_sets.items():
        assert not dag[i, j]
        assert not dag[j, i]
        assert not {i, j} & set(given)


def linear(n: int, seed: int) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    dag = np.zeros((5, 5), dtype=int)
    for i, j in ((0, 2), (1, 2), (2, 3), (3, 4)):
        dag[i, j] = 1
    x = random.normal(size=(n, 5))
    for j in range(5):
        x[:, j] += x @ dag[:, j]
    return x, dag


def test_columns_in_another_order_give_the_same_graph() -> None:
    x, dag = linear(800, 0)
    found = pc(x)
    assert (found.adjacency == cpdag(dag)).all()
    order = np.random.default_rng(1).permutation(5)
    again = pc(x[:, order])
    assert (again.adjacency == found.adjacency[np.ix_(order, order)]).all()


@pytest.mark.parametrize("rule", ["conservative", "majority", "max_p"])
def test_order_plays_no_part_where_tests_err_and_colliders_clash(rule: str) -> None:
    """Little data and many edges: errors abound, and still no column comes first."""
    random = np.random.default_rng(10)
    weights = np.triu(random.normal(size=(9, 9)) * (random.random((9, 9)) < 0.5), 1)
    x = random.normal(size=(60, 9)) @ np.linalg.inv(np.eye(9) - weights)
    found = pc(x, collider_rule=rule, alpha=0.2)  # type: ignore[arg-type]
    for _ in range(5):
        order = random.permutation(9)
        again = pc(x[:, order], collider_rule=rule, alpha=0.2)  # type: ignore[arg-type]
        assert (again.adjacency == found.adjacency[np.ix_(order, order)]).all()
        back = {tuple(sorted((order[i], order[j]))) + (order[k],) for i, k, j in again.conflicts}
        assert back == {tuple(sorted((i, j))) + (k,) for i, k, j in found.conflicts}


@pytest.mark.parametrize(("weaker", "kept"), [(-0.01, {(0, 1), (2, 1)}), (0.0, set())])
def test_a_collider_against_a_stronger_one_is_marked_and_left_out(
    weaker: float, kept: set[tuple[int, int]]
) -> None:
    """a - b - c - d where both a, c and b, d are independent given nothing: b - c cannot point both
    ways. Equal evidence decides for neither."""
    log_p = {(0, 2): 0.0, (0, 3): 0.0, (1, 3): weaker}

    def test(i: Array, j: Array, given: Array) -> Array:
        pairs = zip(i.tolist(), j.tolist(), strict=True)
        return np.array([-np.inf if given.shape[1] else log_p.get(pair, -np.inf) for pair in pairs])

    found = search(test, names(4), alpha=0.5)
    arrows = {(i, j) for i, j in np.argwhere(found.adjacency).tolist() if not found.adjacency[j, i]}
    assert kept <= arrows
    assert found.conflicts == (((1, 2, 3),) if kept else ((0, 1, 2), (1, 2, 3)))
    assert kept or not arrows


def test_nothing_is_conditioned_on_from_a_later_tier() -> None:
    asked: list[tuple[int, int, tuple[int, ...]]] = []

    def test(i: Array, j: Array, given: Array) -> Array:
        asked.extend(zip(i.tolist(), j.tolist(), map(tuple, given.tolist()), strict=True))
        return np.full(len(i), -np.inf)

    tiers = [0, 0, 1, 2]
    search(test, names(4), alpha=0.5, tiers=tiers)
    assert all(tiers[k] <= max(tiers[i], tiers[j]) for i, j, given in asked for k in given)
    assert (0, 1, (2,)) not in asked
    assert (0, 2, (1,)) in asked


def test_tiers_point_forward_only() -> None:
    x, _ = linear(800, 2)
    found = pc(x, tiers=[0, 0, 1, 2, 2])
    assert not found.adjacency[2:, :2].any()
    assert not found.adjacency[3:, 2].any()


def test_partial_correlations_are_those_of_regression_residuals() -> None:
    x = np.random.default_rng(3).normal(size=(200, 6)) @ np.random.default_rng(4).normal(
        size=(6, 6)
    )
    test = fisher_z(x, list("abcdef"))
    from scipy import stats

    for given in ([], [2], [2, 3], [2, 3, 4]):
        a, b = x[:, 0], x[:, 1]
        design = np.column_stack([np.ones(200), x[:, given]])
        ra, rb = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (a, b))
        z = np.sqrt(200 - len(given) - 3) * np.arctanh(abs(np.corrcoef(ra, rb)[0, 1]))
        log_p = test(np.array([0]), np.array([1]), np.array([given]).reshape(1, -1))
        assert log_p[0] == pytest.approx(stats.norm.logsf(z) + np.log(2.0), rel=1e-6)


def test_tail_does_not_underflow() -> None:
    x = np.random.default_rng(5).normal(size=(5000, 1)) + 1e-3 * np.zeros((1, 2))
    x = x + 0.05 * np.random.default_rng(6).normal(size=x.shape)
    log_p = fisher_z(x, ["a", "b"])(np.array([0]), np.array([1]), np.empty((1, 0), dtype=int))
    assert -np.inf < log_p[0] < -2000


def test_contingency_tests_are_scipys_in_each_stratum() -> None:
    from scipy import stats

    random = np.random.default_rng(7)
    data = random.integers(0, 3, size=(300, 3))
    one = (np.array([0]), np.array([1]), np.empty((1, 0), dtype=int))
    for likelihood, name in ((False, "pearson"), (True, "log-likelihood")):
        table = stats.contingency.crosstab(data[:, 0], data[:, 1]).count
        p = stats.chi2_contingency(table, correction=False, lambda_=name).pvalue
        log_p = contingency(data, list("abc"), likelihood=likelihood)(*one)
        assert np.exp(log_p[0]) == pytest.approx(p)
        total, free = 0.0, 0
        for level in range(3):
            part = data[data[:, 2] == level]
            table = stats.contingency.crosstab(part[:, 0], part[:, 1]).count
            found = stats.chi2_contingency(table, correction=False, lambda_=name)
            total, free = total + found.statistic, free + found.dof
        given = (np.array([0]), np.array([1]), np.array([[2]]))
        log_p = contingency(data, list("abc"), likelihood=likelihood)(*given)
        assert log_p[0] == pytest.approx(stats.chi2.logsf(total, free))


def test_edge_frequencies_are_high_on_true_edges() -> None:
    x, dag = linear(600, 8)
    often = edge_frequencies(x, n_bootstrap=20, seed=1)
    assert often.samples == 20
    assert often.adjacent[dag == 1].min() > 0.8
    assert often.adjacent[(dag == 0) & (dag.T == 0)].max() < 0.5
    assert often.arrows[dag == 1].min() > 0.5
    assert (often.arrows + often.arrows.T <= often.adjacent + 1e-12).all()
    assert (often.adjacent == often.adjacent.T).all()


def test_scores_of_a_reversed_graph_are_not_perfect() -> None:
    chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    collider = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    scores = graph_scores(collider.T, collider)
    assert (scores.skeleton_f1, scores.orientation_precision, scores.shd) == (1.0, 0.0, 2)
    assert graph_scores(cpdag(chain), cpdag(chain.T)).shd == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: np.where(x == x[3, 1], np.nan, x), "row 3"),
        (lambda x: np.column_stack([x, np.ones(len(x))]), "'X6' is constant"),
        (lambda x: np.column_stack([x, 2 * x[:, 0] + 1]), "'X1' and 'X6' are collinear"),
        (lambda x: np.column_stack([x, x[:, 0] - x[:, 3]]), "'X1', 'X4', 'X6' are collinear"),
        (lambda x: x[:3], "too few"),
        (lambda x: x[:, 0], "give \\(n, p\\)"),
    ],
)
def test_bad_input_is_named(change: object, says: str) -> None:
    x, _ = linear(50, 9)
    with pytest.raises(ValueError, match=says):
        pc(change(x))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"test": "pearson"}, "test 'pearson' is unknown"),
        ({"collider_rule": "maxp"}, "collider_rule 'maxp' is unknown"),
        ({"alpha": 1.0}, "alpha is 1.0"),
        ({"names": list("abcda")}, "holds 'a' twice"),
        ({"names": ["a"]}, "1 entries for 5"),
        ({"tiers": [0, 1]}, "2 numbers for 5"),
        ({"tiers": [0, 1, 2, 3, np.nan]}, "give a number for each"),
        ({"test": "chi2"}, "another label in each of the 50 rows"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], says: str) -> None:
    x, _ = linear(50, 9)
    with pytest.raises(ValueError, match=says):
        pc(x, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("test", ["chi2", "g2"])
def test_missing_labels_are_named(test: str) -> None:
    data = np.random.default_rng(11).integers(0, 2, size=(40, 3)).astype(float)
    data[4, 1] = np.nan
    with pytest.raises(ValueError, match="'X2' holds missing labels"):
        pc(data, test=test)  # type: ignore[arg-type]


def test_a_set_that_repeats_itself_conditions_like_the_set() -> None:
    """More columns than rows: no column is refused, and what is said twice counts once."""
    x = np.random.default_rng(12).normal(size=(12, 12))
    x[:, 3] = x[:, 2] - x[:, 4]
    test = fisher_z(x, [f"X{k}" for k in range(12)])
    i, j = np.array([0]), np.array([1])
    twice = test(i, j, np.array([[2, 3, 4]]))[0]
    z = special.ndtri(np.exp(twice) / 2.0) / np.sqrt(12 - 3 - 3)
    once = test(i, j, np.array([[2, 4]]))[0]
    assert special.ndtri(np.exp(once) / 2.0) / np.sqrt(12 - 2 - 3) == pytest.approx(z)
    assert test(np.array([2]), j, np.array([[3, 4]]))[0] == 0.0
