"""Independence tests and PC against hyppo and causal-learn: one thread, the same data, one run.

    pip install hyppo==0.5.2 causal-learn==0.1.4.8     # in an environment of their own
    OMP_NUM_THREADS=1 python benchmarks/independence.py > benchmarks/independence.md

A peer that is not installed has a line that says so. hyppo's permutations are timed on a few and
scaled, as it redoes the same work for each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from residue.stats.discovery import pc
from residue.stats.independence import hsic_test, kci_test

HYPPO_PERMUTATIONS = 10
REPEATS = 3


def seconds(call: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Least wall-clock of some calls, and what the last returned."""
    times, value = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return min(times), value


def line(what: str, peer: str, theirs: float | None, ours: float, note: str) -> None:
    """One line of the table."""
    if theirs is None:
        print(f"| {what} | {peer} | not installed | {ours:.3g} | | {note} |")
    else:
        print(f"| {what} | {peer} | {theirs:.3g} | {ours:.3g} | {theirs / ours:.1f} | {note} |")


def hsic(n: int) -> None:
    """HSIC at d = 32 + 32 against 1,000 permutations of hyppo."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, n, 32))
    peer = None
    try:
        from hyppo.independence import Hsic
    except ImportError:
        pass
    else:
        test = Hsic()
        test.test(x[:50], y[:50], reps=1, auto=False)  # compiles
        few, _ = seconds(lambda: Hsic().test(x, y, reps=HYPPO_PERMUTATIONS, auto=False), 1)
        once, _ = seconds(lambda: Hsic().statistic(x, y), 1)
        peer = once + (few - once) * 1000 / HYPPO_PERMUTATIONS
    moments, result = seconds(lambda: hsic_test(x, y))
    drawn, other = seconds(lambda: hsic_test(x, y, null="permutation", n_permutations=999), 1)
    line(f"HSIC, n = {n}, exact moments", "hyppo 1,000 permutations", peer, moments,
         f"p {result.p_value:.4f}")  # fmt: skip
    line(f"HSIC, n = {n}, 999 permutations", "hyppo 1,000 permutations", peer, drawn,
         f"p {other.p_value:.4f}")  # fmt: skip


def many(n: int, tests: int) -> None:
    """Seconds for a whole audit, by extrapolating from a few of its tests."""
    random = np.random.default_rng(1)
    few = 8
    xs = [random.normal(size=(n, 32)) for _ in range(few)]
    y = random.normal(size=(n, 1))
    ours, _ = seconds(lambda: [hsic_test(x, y) for x in xs], 1)
    print(f"\n{tests} tests by exact moments at n = {n}: {ours / few * tests:.0f} s "
          f"({few} timed).\n")  # fmt: skip


def kci(n: int) -> None:
    """Conditional KCI, one-dimensional z."""
    random = np.random.default_rng(2)
    z = random.normal(size=(n, 1))
    x, y = z + random.normal(size=(2, n, 1))
    ours, result = seconds(lambda: kci_test(x, y, z))
    peer, note = None, ""
    try:
        from causallearn.utils.KCI.KCI import KCI_CInd
    except ImportError:
        pass
    else:
        peer, found = seconds(lambda: KCI_CInd(est_width="median").compute_pvalue(x, y, z))
        note = f"p differs by {abs(found[0] - result.p_value):.1e}"
    line(f"KCI given z, n = {n}", "causal-learn", peer, ours, note)


def discovery(p: int, n: int, degree: int) -> None:
    """PC with Fisher z on a random linear network."""
    random = np.random.default_rng(1)
    weights = (random.random((p, p)) < degree / (p - 1)) * random.uniform(0.5, 1.5, (p, p))
    weights = np.triu(weights * random.choice([-1, 1], (p, p)), 1)
    data = random.normal(size=(n, p))
    for j in range(p):
        data[:, j] += data @ weights[:, j]
    data = data[:, random.permutation(p)]
    ours, result = seconds(lambda: pc(data))
    peer, note = None, ""
    try:
        from causallearn.search.ConstraintBased.PC import pc as other
    except ImportError:
        pass
    else:
        peer, found = seconds(lambda: other(data, 0.05, "fisherz", show_progress=False), 1)
        edges = (result.adjacency | result.adjacency.T) != 0
        differ = int((edges != (found.G.graph != 0)).sum() // 2)
        note = f"{differ} edges of the skeleton differ"
    line(f"PC, Fisher z, p = {p}, n = {n}, degree {degree}", "causal-learn", peer, ours, note)


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, {time.strftime('%Y-%m-%d')}, "
          f"one thread, least of {REPEATS}, seconds.\n")  # fmt: skip
    print("| what | peer | peer, s | here, s | ratio | note |")
    print("|---|---|---|---|---|---|")
    hsic(500)
    hsic(1000)
    kci(500)
    kci(1000)
    discovery(10, 2000, 2)
    discovery(30, 2000, 2)
    discovery(30, 2000, 4)
    many(1000, 768)


if __name__ == "__main__":
    main()
