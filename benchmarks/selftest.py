"""The self-test on a tiny random model of every supported architecture, per dtype.

    python -m benchmarks.selftest            # prints a table in Markdown

Numbers are the largest over rows; what they compare stands in `residue.lens.selftest`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from residue.lens.observation import observe
from residue.lens.selftest import BITS, TOLERANCE, judge
from residue.models.head import read_head
from tests.unit.models.conftest import KINDS, random_model

PROMPTS = [[1, 5, 9, 30, 2], [1, 44, 7], [1, 8, 50, 13, 21, 3, 17]]
SHOWN = ("embedding", "norm", "residual", "row", "head", "again", "head_kl")


def main() -> None:
    """Print the table."""
    print("Made by `python -m benchmarks.selftest`; `head_kl` in bits, all else relative.\n")
    print(f"| architecture | dtype | passed | {' | '.join(SHOWN)} |")
    print("|---" * (3 + len(SHOWN)) + "|")
    for dtype in ("float32", "bfloat16"):
        for kind in KINDS:
            model = random_model(kind).to(getattr(torch, dtype))
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                checks = judge(observe(model, PROMPTS, 0), read_head(Path(folder)))
            passed = f"{sum(check.status == 'ok' for check in checks)} of {len(checks)}"
            worst = [max(c.value for c in checks if c.check == name) for name in SHOWN]
            print(f"| {kind} | {dtype} | {passed} | {' | '.join(f'{v:.0e}' for v in worst)} |")
        print(
            f"| allowed | {dtype} | | "
            + " | ".join(f"{TOLERANCE[dtype]:.0e}" for _ in range(3))
            + f" | 0 | {TOLERANCE[dtype]:.0e} | 0 | {BITS[dtype]:.0e} |"
        )


if __name__ == "__main__":
    main()
