"""Gates of an earlier system on a model that is to forget a language: a table of
`docs/method.md`, from config/language.yaml.

`python benchmarks/gates.py RUN` prints the table, RUN being the run's folder; `--write` puts it
into the document. A cell is an estimate with its interval, of the slice that decides the claim.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from forgetting import MARKS, number, size

from residue.cli import refresh

ROOT = Path(__file__).resolve().parents[1]


def table(claims: pd.DataFrame) -> str:
    """Markdown: a claim a line, an arm a column."""
    judged = claims[claims["role"] != "headline"]
    own = judged[judged["claim"].isin(["gives_up_hindi", "spares_neighbours"])]
    gates = judged[judged["family"] == "earlier_gates"]
    chosen = pd.concat([own, gates]).drop_duplicates(["claim", "arm", "condition"])
    arms = list(dict.fromkeys(chosen["arm"]))
    lines = [("claim", "allowed", *(f"`{arm}`" for arm in arms)), ("---",) * (len(arms) + 2)]
    for (claim, condition), part in chosen.groupby(["claim", "condition"], sort=False):
        rows = {str(row["arm"]): row for row in part.to_dict("records")}
        after = "" if condition == "plain" else f", {condition}"
        cells = [
            f"{number(rows[arm])}{MARKS[rows[arm]['verdict']]}" if arm in rows else "–"
            for arm in arms
        ]
        first = next(iter(rows.values()))
        sizes = f" ({size(first)})" if first["n_items"] else ""
        lines.append((f"`{claim}`{after}{sizes}", f"{first['margin']:g}", *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: list[str]) -> None:
    """Read, and print or write."""
    run = Path(next(each for each in arguments if not each.startswith("--")))
    text = table(pd.read_parquet(run / "tables" / "claims.parquet"))
    if "--write" in arguments:
        refresh(ROOT / "docs" / "method.md", "gates", text)
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
