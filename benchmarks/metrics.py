"""Which unlearning metric can be fooled: a finished run's tables as `docs/metrics.md`.

`python benchmarks/metrics.py RESULTS` prints what a run's table of metrics on trial says
(`config/meta.yaml`, in `results/meta`): metrics by liars, faithfulness, robustness, correlation of
ranks with others' tables. `--write` puts it into the document, with a picture and the whole table
beside it; `--commit NAME` says which commit made the run, if it is not the present one.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from residue.account import jobs_behind
from residue.cli import refresh
from residue.core.artifacts import read_parquet
from residue.report.drawing import STYLE, render
from residue.report.palette import BAND, EDITS, FAINT, INK, MUTED
from residue.report.rows import records
from residue.report.words import number, plural
from residue.specs.meta import MetaSpec

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "metrics.md"
COLOURS = {"caught": EDITS[0], "fooled": EDITS[1], "undecided": MUTED}
LEAST, MOST = -1.0, 1.5
"""Shares between which points are drawn; what lies farther is an arrow at the edge."""
SHAPES = {"caught": "o", "fooled": "X", "undecided": "D"}


def liars(meta: pd.DataFrame) -> str:
    """Metrics by liars, those fooled least first; in each cell verdict, share and interval."""
    mine = meta[meta["question"] == "liar"]
    arms = list(dict.fromkeys(mine["arm"]))
    cells = {(row["metric"], row["arm"]): _told(row, row["verdict"]) for row in records(mine)}
    lines = [
        (title, *(cells.get((metric, arm), "–") for arm in arms), f"{fooled} of {len(arms)}")
        for metric, title, fooled in _by_fooled(mine)
    ]
    return _markdown(("metric", *arms, "fooled by"), lines)


def trust(meta: pd.DataFrame) -> str:
    """Faithfulness, R and Q of every edited model and attack, and the two harmonic means."""
    attacked = meta[meta["question"].isin(["relearning", "quantising"]) & (meta["arm"] != "")]
    kinds = attacked[["question", "arm", "condition"]].drop_duplicates()
    columns = list(kinds.itertuples(index=False, name=None))
    asked = [("faithful", "", ""), *columns, ("robust", "", ""), ("overall", "", "")]
    cells = {
        (row["metric"], row["question"], row["arm"], row["condition"]): _told(row)
        + (" †" if row["question"] == "faithful" and row["note"] else "")
        for row in records(meta)
    }
    letters = {"relearning": "R", "quantising": "Q"}
    head = [
        f"{letters[q]}: {arm}, {condition.replace('_', ' ')}" if arm else q
        for q, arm, condition in asked
    ]
    lines = [
        (title, *(cells.get((metric, *each), "–") for each in asked))
        for metric, title in _titles(meta[meta["question"] == "faithful"]).items()
    ]
    return _markdown(("metric", *head), lines)


def ranks(meta: pd.DataFrame) -> str:
    """Spearman's correlation with others' tables, or why there is none."""
    lines = [
        (
            row["arm"],
            row["metric"],
            plural(row["n_items"], "metric"),
            _told(row),
            row["note"] or "–",
        )
        for row in records(meta[meta["question"] == "published"])
    ]
    return _markdown(("published table", "ranked by", "in common", "correlation", "note"), lines)


def provenance(results: Path, meta: pd.DataFrame, commit: str) -> str:
    """What made the numbers: commit, models, devices, cost."""
    jobs = jobs_behind([results / "tables" / "meta.parquet"])
    cpu = sum(float(job["cpu_seconds"]) for job in jobs)
    models = int(meta.loc[meta["question"] == "faithful", "n_models"].max())
    level = f"{meta['level'].iloc[0]:.0%}"
    return (
        f"Commit `{commit}`; {plural(models, 'model')}, half of them bases and half oracles, "
        f"behind the AUCs; {level} intervals; {plural(len(jobs), 'job')}, {cpu:,.0f} CPU-seconds "
        f"on {', '.join(sorted({str(job['device']) for job in jobs}))}. All lines: "
        "[metrics.tsv](metrics.tsv)."
    )


def picture(meta: pd.DataFrame) -> Figure:
    """A panel per liar: where each metric puts it between oracle (0) and base (1)."""
    mine = meta[(meta["question"] == "liar") & meta["estimate"].notna()]
    arms = list(dict.fromkeys(mine["arm"]))
    order = [metric for metric, _, _ in _by_fooled(mine)]
    titles, near = _titles(mine), MetaSpec().near
    with rc_context(STYLE):
        size = (3.2 + 1.25 * len(arms), 0.7 + 0.19 * len(order))
        figure = Figure(figsize=size)
        for place, arm in enumerate(arms):
            left = (3.15 + 1.25 * place) / size[0]
            ax = figure.add_axes((left, 0.42 / size[1], 1.1 / size[0], 1.0 - 0.7 / size[1]))
            ax.axvspan(-near, near, color=BAND, lw=0, zorder=0)
            for x in (0.0, 1.0):
                ax.axvline(x, color=FAINT, lw=0.8, zorder=1)
            for row in records(mine[mine["arm"] == arm]):
                y, colour = -order.index(row["metric"]), COLOURS[row["verdict"]]
                ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.2)
                at = min(max(row["estimate"], LEAST), MOST)
                shape = SHAPES[row["verdict"]] if at == row["estimate"] else "<" if at < 0 else ">"
                ax.plot(at, y, shape, color=colour, ms=4)
            ax.set_xlim(LEAST - 0.1, MOST + 0.1)
            ax.set_ylim(-len(order) + 0.4, 0.6)
            ax.set_yticks([-k for k in range(len(order))], [titles[m] for m in order])
            ax.tick_params(axis="y", length=0, labelleft=place == 0, labelcolor=INK, labelsize=7)
            ax.set_xticks([0, 1], ["oracle", "base"])
            ax.set_title(arm.replace("_", " "), fontsize=8, weight="bold", pad=4)
    return figure


def _by_fooled(mine: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Metric, title, by how many liars fooled; the fewest first, then as in the run."""
    titles = _titles(mine)
    fooled = {m: int(((mine["metric"] == m) & (mine["verdict"] == "fooled")).sum()) for m in titles}
    return sorted(((m, titles[m], fooled[m]) for m in titles), key=lambda each: each[2])


def _titles(rows: pd.DataFrame) -> dict[str, str]:
    return dict(zip(rows["metric"], rows["title"], strict=True))


def _told(row: dict[str, object], verdict: object = "") -> str:
    value, low, high = (float(row[name]) for name in ("estimate", "low", "high"))  # type: ignore[arg-type]
    if math.isnan(value):
        return "–"
    ends = f" ({number(low)} to {number(high)})" if math.isfinite(low) else ""
    return f"{f'**{verdict}** ' if verdict else ''}{number(value)}{ends}"


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    whole = (head, ("---",) * len(head), *lines)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in whole)


def main(arguments: list[str]) -> None:
    """Print the blocks, or write document, picture and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of a finished run")
    parser.add_argument("--write", action="store_true", help="write docs/metrics.*")
    parser.add_argument("--commit", help="commit that made the run; default: the present one")
    given = parser.parse_args(arguments)
    commit = given.commit or subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    meta = read_parquet(given.results / "tables" / "meta.parquet")
    blocks = {
        "metrics_run": provenance(given.results, meta, commit),
        "metrics_liars": liars(meta),
        "metrics_trust": trust(meta),
        "metrics_ranks": ranks(meta),
    }
    if not given.write:
        sys.stdout.write("\n\n".join(blocks.values()) + "\n")
        return
    for name, text in blocks.items():
        refresh(DOCUMENT, name, text)
    meta.to_csv(DOCUMENT.with_suffix(".tsv"), sep="\t", index=False, float_format="%.8g")
    drawn = DOCUMENT.parent / "pictures" / "metrics.svg"
    drawn.write_bytes(render(picture(meta), "svg"))


if __name__ == "__main__":
    main(sys.argv[1:])
