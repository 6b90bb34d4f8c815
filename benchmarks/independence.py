"""Independence tests and PC against hyppo and causal-learn: one thread, the same data, one run.

    pip install hyppo==0.5.2 causal-learn==0.1.4.8     # in an environment of their own
    OMP_NUM_THREADS=1 python benchmarks/independence.py > benchmarks/independence.md

CPU time of the process, least of some calls, so that other work on the machine counts little. A
peer that is not installed has a line that says so. hyppo's permutations are timed on a few and
scaled, as it redoes the same work for each; the audit of 768 tests is timed whole.
"""

from __future__ import annotations

import os
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
    """Least CPU time of some calls, and what the last returned."""
    times, value = [], None
    for _ in range(repeats):
        start = time.process_time()
        value = call()
        times.append(time.process_time() - start)
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


def many(n: int, tests: int, d: int, effect: float) -> None:
    """Seconds for a whole audit of rows against answers, every test made."""
    random = np.random.default_rng(1)
    answers = random.normal(size=(3, n, 1))
    small = 0
    spent = 0.0
    for number in range(tests):
        y = answers[number % len(answers)]
        x = random.normal(size=(n, d)) + effect * y
        start = time.process_time()
        small += hsic_test(x, y).p_value < 0.01
        spent += time.process_time() - start
    print(f"{tests} tests by exact moments at n = {n}, d = {d} against answers in one dimension, "
          f"{small} with p below 0.01: {spent:.0f} s.\n")  # fmt: skip


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


def discovery(p: int, n: int, degree: int, seed: int) -> None:
    """PC with Fisher z on a random linear network."""
    random = np.random.default_rng(seed)
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
        peer, found = seconds(lambda: other(data, 0.05, "fisherz", show_progress=False))
        edges = (result.adjacency | result.adjacency.T) != 0
        differ = int((edges != (found.G.graph != 0)).sum() // 2)
        note = f"{differ} edges of the skeleton differ"
    line(f"PC, Fisher z, p = {p}, n = {n}, degree {degree}, net {seed}", "causal-learn", peer, ours,
         note)  # fmt: skip


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, {time.strftime('%Y-%m-%d')}, "
          f"one thread, CPU seconds, least of {REPEATS}; load of the machine "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")  # fmt: skip
    print("| what | peer | peer, s | here, s | ratio | note |")
    print("|---|---|---|---|---|---|")
    hsic(500)
    hsic(1000)
    kci(500)
    kci(1000)
    discovery(10, 2000, 2, 1)
    for degree in (2, 4):
        for seed in (1, 2, 3):
            discovery(30, 2000, degree, seed)
    print()
    many(1000, 768, 32, 0.0)
    many(1000, 768, 32, 0.3)


if __name__ == "__main__":
    main()
