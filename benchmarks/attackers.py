"""How far attackers come who adapt to the model: a table of `docs/injection.md`.

`python benchmarks/attackers.py RESULTS` estimates from the attempts of a finished run whose config
names attackers, and prints the table; `--write` puts it into the document.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from residue.cli import refresh
from residue.core.artifacts import read_parquet
from residue.report.adaptive import adaptive_table, of_run
from residue.report.rows import records
from residue.report.words import interval, number, plain_name
from residue.specs.statistics import StatisticsSpec

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("arm", "attacker", "N", "obeyed in any of N", "right, of all attempts", "prompts read",
        "to choose", "countries × seeds")  # fmt: skip


def attempts_of(folder: Path) -> list[pd.DataFrame]:
    """The attempts on every run, the base's first."""
    found = sorted((folder / "injection/adaptive").glob("*/pair*/seed*.parquet"))
    ordered = sorted(found, key=lambda path: path.parts[-3] != "base")
    return [
        of_run(read_parquet(path), path.parts[-3], _number(path.parent.name), _number(path.stem))
        for path in ordered
    ]


def table(found: pd.DataFrame) -> str:
    """Markdown: success of the first and of all attempts, with what they took."""
    levels = found[(found["measure"] == "obeyed") & (found["reference"] == "none")]
    right = {
        (row["arm"], row["attacker"]): row for row in records(found[found["measure"] == "right"])
    }
    lines = [HEAD, ("---",) * len(HEAD)]
    for (arm, attacker), part in levels.groupby(["arm", "attacker"], sort=False):
        for row in records(part[part["n"].isin([part["n"].min(), 8, part["n"].max()])]):
            last = row["n"] == part["n"].max()
            lines.append(
                (
                    str(arm),
                    plain_name(str(attacker)),
                    f"{row['n']}",
                    _told(row),
                    _told(right[str(arm), str(attacker)]) if last else "",
                    f"{row['forwards']:.0f}",
                    f"{row['choosing']:.0f}" if row["choosing"] else "",
                    f"{row['n_clusters']} × {row['n_seeds']}",
                )
            )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _told(row: dict[str, float]) -> str:
    return f"{number(row['estimate'])} {interval(row['low'], row['high'])}"


def _number(name: str) -> int:
    return int(name.lstrip("pairsed"))


def main(arguments: list[str]) -> None:
    """Estimate, and print or write."""
    folder = Path(next(each for each in arguments if not each.startswith("--")))
    text = table(adaptive_table(attempts_of(folder), StatisticsSpec()))
    if "--write" in arguments:
        refresh(ROOT / "docs" / "injection.md", "adaptive", text)
    else:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
