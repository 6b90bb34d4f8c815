"""CPU-seconds that imports cost a job: the libraries' usual imports against ours, in one run.

    python benchmarks/imports.py            # prints a table

Each line is the least of several fresh processes, user and system time together.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

REPEATS = 5
USUAL = "from transformers import LlamaForCausalLM, PreTrainedTokenizerFast"
OURS = "from residue.models.lean import lean_transformers; lean_transformers(); " + USUAL
CASES = {
    "torch alone": ("import torch", "import torch"),
    "a Llama and its tokenizer": (USUAL, OURS),
    "the same with peft's LoRA": (
        f"{USUAL}; from peft import LoraConfig, inject_adapter_in_model",
        f"{OURS}; from residue.models.lean import lean_peft; lean_peft().LoraConfig",
    ),
    "metrics from records": (
        "import torch, transformers, pandas, scipy.stats",
        "import residue.measure.table, residue.records.store, residue.models.head",
    ),
    "estimates and claims": (
        "import pandas, scipy.stats",
        "import pandas, residue.report.estimates, residue.report.claims",
    ),
}


def cpu_seconds(code: str) -> float:
    """Least CPU time of a fresh Python that runs the code."""
    times = []
    for _ in range(REPEATS):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
        after = os.times()
        times.append(after.children_user + after.children_system
                     - before.children_user - before.children_system)  # fmt: skip
    return min(times)


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, {time.strftime('%Y-%m-%d')}, least of {REPEATS}\n")
    print("| what a job imports | usual, CPU-s | here, CPU-s | ratio |")
    print("|---|---|---|---|")
    for name, (usual, ours) in CASES.items():
        left, right = cpu_seconds(usual), cpu_seconds(ours)
        print(f"| {name} | {left:.2f} | {right:.2f} | {left / right:.1f} |")


if __name__ == "__main__":
    main()
