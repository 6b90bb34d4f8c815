"""Are small p-values right: HSIC's p by exact moments where the true p is known by permutation.

    OMP_NUM_THREADS=1 python benchmarks/tails.py [permutations] > benchmarks/tails.md

Each line is one sample without dependence. Its statistic is permuted a million times, and at the
value that a share p of permutations reach, the p-value that `hsic_test` would give there is
compared: log10 of the ratio, with the standard error that the count leaves. Pearson III alone
stands beside, so that what `residue.stats.tails` mends is seen.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from residue.stats.arrangements import totals
from residue.stats.independence import pearson3_upper
from residue.stats.kernels import rbf, u_centred
from residue.stats.permutation_moments import flips, free
from residue.stats.tails import with_tail

SHARES = (0.05, 0.01, 1e-3, 3e-4, 1e-4)


class Sample(NamedTuple):
    """Observations, dimensions, what trades places, and which draw of such data."""

    n: int
    d: int
    design: str
    draw: int


class Tail(NamedTuple):
    """log10 of claimed over true p at a true share, and its standard error."""

    share: float
    mended: float
    pearson: float
    error: float


SAMPLES = (
    *(Sample(200, 1, "free", draw) for draw in range(3)),
    Sample(200, 32, "free", 0),
    Sample(100, 1, "free", 0),
    *(Sample(50, d, "free", 0) for d in (1, 32)),
    Sample(100, 1, "pairs", 0),
)


def tails(sample: Sample, permutations: int) -> Iterator[Tail]:
    """Claimed against true p of one sample, at `SHARES`."""
    random = np.random.default_rng([sample.n, sample.d, sample.draw])
    x, y = random.normal(size=(2, sample.n, sample.d))
    a, b = u_centred(rbf(x)), u_centred(rbf(y))
    pairs = np.arange(sample.n).reshape(-1, 2)
    law = free(a, b) if sample.design == "free" else flips(a, b, pairs)

    def orders() -> Iterator[np.ndarray]:
        for _ in range(permutations):
            if sample.design == "free":
                yield random.permutation(sample.n)
            else:
                swap = random.integers(0, 2, size=(len(pairs), 1))
                yield (pairs[:, :1] + (np.arange(2) ^ swap)).reshape(-1)

    drawn = np.sort(totals(a, b, orders()))
    for share in SHARES:
        reached = round(share * permutations)
        statistic = float(drawn[-reached])
        pearson = pearson3_upper(statistic, law)
        z = (statistic - law.mean) / math.sqrt(law.variance)
        mended = with_tail(pearson, a, b, z) if sample.design == "free" else pearson
        error = 1.0 / (math.sqrt(reached) * math.log(10.0))
        yield Tail(share, math.log10(mended / share), math.log10(pearson / share), error)


def main() -> None:
    """Print the table."""
    permutations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    made = f"Python {sys.version.split()[0]}, numpy {np.__version__}, {time.strftime('%Y-%m-%d')}"
    print(f"{made}, {permutations:,} permutations of each sample; normal data, no dependence.\n")
    print("log10 of claimed p over true p, `hsic_test` / Pearson III alone; ± standard error.\n")
    print("| n | d | design | draw | " + " | ".join(f"p = {share:g}" for share in SHARES) + " |")
    print("|---|---|---|---|" + "---|" * len(SHARES))
    for sample in SAMPLES:
        cells = [
            f"{found.mended:+.3f} / {found.pearson:+.3f} ± {found.error:.3f}"
            for found in tails(sample, permutations)
        ]
        print(f"| {' | '.join(map(str, sample))} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
