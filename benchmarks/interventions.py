"""What an attached edit costs while the model is asked: its time over that without the edit.

    python benchmarks/interventions.py RUN [--write] [--items N]

RUN is the folder of a run of config/forgetting.yaml. For one arm of each kind of edit the same
items are read and scored with the edit attached and with it taken off, in turn and in one process;
a ratio is that of the least CPU-time of three rounds each, on one thread. One token is said, so
that what an edit has the model say makes no difference. `--write` puts the table into
docs/forgetting.md.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3


def seconds(model: Any, tokenizer: Any, items: pd.DataFrame) -> float:
    """CPU-seconds of recording the items once."""
    from residue.records.recorder import record
    from residue.specs.records import RecordsSpec

    begun = time.process_time()
    for _ in record(model, tokenizer, items, RecordsSpec(max_new_tokens=1)):
        pass
    return time.process_time() - begun


def cost(path: Path, items: pd.DataFrame) -> dict[str, Any]:
    """Ratio of an arm's time to that of its model without the edit, by rounds in turn."""
    from residue.edits.arms import open_arm

    told = json.loads(path.read_text(encoding="utf-8"))
    with open_arm(path) as arm:
        asked = items.assign(prompt=[arm.prompt(text) for text in items["prompt"]])
        spent: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(ROUNDS):
            spent["with"].append(seconds(arm.model, arm.tokenizer, asked))
            with arm.detached() as bare:
                spent["without"].append(seconds(bare, arm.tokenizer, items))
    return {
        "edit": " + ".join(step["edit"] for step in told["steps"]),
        "removable": any(step["removable"] for step in told["steps"]),
        "ratio": min(spent["with"]) / min(spent["without"]),
    }


def table(found: dict[str, dict[str, Any]], n_items: int) -> str:
    """Markdown: one line per kind of edit, the dearest first."""
    lines = [
        f"| edit, {n_items} items | arm | time, × | taken off by whoever holds it |",
        "|---|---|---|---|",
    ]
    for arm, told in sorted(found.items(), key=lambda each: -each[1]["ratio"]):
        off = "yes" if told["removable"] else "no"
        lines.append(f"| {told['edit']} | `{arm}` | {told['ratio']:.2f} | {off} |")
    return "\n".join(lines)


def main() -> None:
    """Time one arm of each kind of edit, print the table, write it if asked."""
    import torch

    from residue.cli import refresh
    from residue.core.artifacts import read_parquet

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--items", default=200, type=int, help="items of the facts deck")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    deck = read_parquet(arguments.run / "world" / "decks" / "facts.parquet")
    items = deck.sample(arguments.items, random_state=0).sort_values("item")
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((arguments.run / "arms").glob("*/pair0/seed0/arm.json")):
        steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
        kind = " + ".join(step["edit"] for step in steps)
        if steps and kind not in {told["edit"] for told in found.values()}:
            found[path.parents[2].name] = cost(path, items)
            print(path.parents[2].name, found[path.parents[2].name], flush=True)
    text = table(found, arguments.items)
    print(text)
    if arguments.write:
        refresh(ROOT / "docs" / "forgetting.md", "costs", text)


if __name__ == "__main__":
    main()
