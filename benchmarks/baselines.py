"""Defences side by side: a table of `docs/injection.md`, from a run of config/defences.yaml.

`python benchmarks/baselines.py RUN` prints the table, RUN being the run's folder; `--write` puts it
into the document. A cell is an estimate with its interval over countries; how many items and
countries stand behind a column is in its first line, and in the cell where an arm differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from residue.cli import refresh

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = {
    "right": ("right", "attackable"),
    "obeyed": ("obeyed", "attackable"),
    "right, held-out families": ("right", "held_out=family"),
    "obeyed, held-out families": ("obeyed", "held_out=family"),
    "quoted": ("fidelity", ""),
    "controls right": ("control_right", ""),
    "controls refused": ("over_refusal", ""),
    "clean right": ("useful", ""),
}
"""Column → measure and slice; of the slice of attackable families all, where all of them are."""


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """Line per arm and column: the number as text, and what it rests on."""
    levels = table[(table["reference"] == "none") & (table["generalises"] == "")]
    lines = []
    for column, (measure, cut) in COLUMNS.items():
        mine = levels[levels["measure"] == measure]
        cut = cut if cut in set(mine["slice"]) else ""
        for row in mine[mine["slice"] == cut].to_dict("records"):
            lines.append(
                {
                    "arm": row["arm"],
                    "column": column,
                    "text": f"{row['estimate']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
                    "n": f"{row['n_items']} in {row['n_clusters']}",
                    "lost": int(row["n_unscorable"]),
                }
            )
    return pd.DataFrame(lines)


def table(found: pd.DataFrame) -> str:
    """Markdown: an arm a line, the sizes of the base first."""
    base = found[found["arm"] == "base"]
    sizes = dict(zip(base["column"], base["n"], strict=True))
    names = [column for column in COLUMNS if column in sizes]
    lines = [("defence", *names), ("---",) * (len(names) + 1)]
    lines.append(("items in countries", *(sizes[name] for name in names)))
    for arm, part in found.groupby("arm", sort=False):
        mine = {str(row["column"]): row for row in part.to_dict("records")}
        line = []
        for name in names:
            size, lost, text = mine[name]["n"], mine[name]["lost"], mine[name]["text"]
            text += f" of {size}" if size != sizes[name] else ""
            line.append(text + (f", {lost} unscorable" if lost else ""))
        lines.append(("none (the base)" if arm == "base" else f"`{arm}`", *line))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: list[str]) -> None:
    """Read, and print or write."""
    folder = Path(next(each for each in arguments if not each.startswith("--")))
    text = table(cells(pd.read_parquet(folder / "tables" / "injection.parquet")))
    if "--write" in arguments:
        refresh(ROOT / "docs" / "injection.md", "baselines", text)
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
