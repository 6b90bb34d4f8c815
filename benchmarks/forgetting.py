"""Edits that forget, side by side: tables of `docs/forgetting.md`, from config/forgetting.yaml.

`python benchmarks/forgetting.py RUN` prints the tables, RUN being the run's folder; `--write` puts
them into the document. A cell is an estimate with its interval over countries, of the slice that
decides the claim; how many items and countries stand behind a column is in its first line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from residue.cli import refresh

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = {
    "forgotten, less the oracle": ("forgets", "plain"),
    "other languages, less the oracle": ("no_language_leak", "plain"),
    "kept, less the base": ("keeps", "plain"),
    "after 20 updates on others, less the oracle": ("stays_forgotten", "relearn_other_20"),
    "in four bits, less the oracle": ("stays_forgotten", "nf4"),
}
"""Column → claim and condition."""
LARGE = 1e4
"""From here on only the order of magnitude is told."""
MARKS = {"supported": " ✓", "refuted": " ✗", "inconclusive": ""}


def number(row: dict[Any, Any]) -> str:
    """An estimate with its interval."""
    told = [_short(row[name]) for name in ("estimate", "low", "high")]
    return "none" if told[0] == "none" else f"{told[0]} ({told[1]} to {told[2]})"


def _short(value: float) -> str:
    if pd.isna(value):
        return "none"
    return f"{value:.2f}" if abs(value) < LARGE else f"{value:.0e}"


def size(row: dict[Any, Any]) -> str:
    """What an estimate rests on."""
    return f"{row['n_items']} in {row['n_clusters']}"


def seconds(run: Path, arm: str) -> float:
    """CPU-seconds of the training or computing of an arm's edit, the mean over its seeds."""
    files = sorted((run / "arms" / arm).glob("pair*/seed*/arm.json.manifest.json"))
    spent = [json.loads(file.read_text(encoding="utf-8"))["cpu_seconds"] for file in files]
    return float(sum(spent) / len(spent))


def edits(run: Path) -> str:
    """Markdown: an arm a line, in the order of the config."""
    claims = pd.read_parquet(run / "tables" / "claims.parquet")
    chosen = claims[claims["role"] != "headline"]
    lines = [("edit", "seeds", *COLUMNS, "CPU-s"), ("---",) * (len(COLUMNS) + 3)]
    sizes: dict[str, str] = {}
    for arm, part in chosen.groupby("arm", sort=False):
        if arm in ("base", "oracle"):
            continue
        cells = []
        for column, (claim, condition) in COLUMNS.items():
            mine = part[(part["claim"] == claim) & (part["condition"] == condition)]
            if mine.empty:
                cells.append("–")
                continue
            row = mine.iloc[0].to_dict()
            rests = size(row)
            other = f" of {rests}" if sizes.setdefault(column, rests) != rests else ""
            cells.append(f"{number(row)}{MARKS[row['verdict']]}{other}")
        seeds = str(int(part["n_seeds"].max()))
        lines.append((f"`{arm}`", seeds, *cells, f"{seconds(run, str(arm)):.0f}"))
    lines.insert(2, ("items in countries", "", *(sizes.get(each, "") for each in COLUMNS), ""))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def requests(run: Path) -> str:
    """Markdown: what is left of each request, an arm and a request a line."""
    found = pd.read_parquet(run / "tables" / "succession.parquet")
    levels = found[found["reference"] == "none"]
    groups = list(dict.fromkeys(levels["asked"]))
    lines = [("edit", "after", "asked for", *groups), ("---",) * (len(groups) + 3)]
    for arm, part in levels.groupby("arm", sort=False):
        rows = {str(row["asked"]): row for row in part.to_dict("records")}
        first = part.iloc[0]
        cells = [
            f"{number(rows[group])} of {size(rows[group])}" if group in rows else "–"
            for group in groups
        ]
        lines.append((f"`{arm}`", first["after"] or "–", f"{first['share_asked']:.2f}", *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: list[str]) -> None:
    """Read, and print or write."""
    run = Path(next(each for each in arguments if not each.startswith("--")))
    for name, text in (("edits", edits(run)), ("requests", requests(run))):
        if "--write" in arguments:
            refresh(ROOT / "docs" / "forgetting.md", name, text)
        else:
            sys.stdout.write(text + "\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
