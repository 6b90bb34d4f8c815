"""`residue compare A B`: two results, what was done otherwise, and what came out otherwise."""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residue import account
from residue.core import artifacts, provenance
from residue.core.text import shown
from residue.specs.claims import EstimandSpec
from residue.specs.fields import load, unlisted
from residue.specs.statistics import StatisticsSpec

Rows = list[Sequence[str]]
LONGEST = 70
"""Characters of a value of the config that are shown."""


def add(commands: Any) -> None:
    """Enter the command in the parser of the command line."""
    told = "what changed between two results: config, code, data, verdicts, paired differences"
    command = commands.add_parser("compare", help=told, description=told)
    command.add_argument("before", type=Path, help="folder of results")
    command.add_argument("after", type=Path, help="folder of results")
    command.add_argument("--markdown", action="store_true", help="tables for a document")
    command.add_argument(
        "--all", action="store_true", help="also differences whose interval holds none at all"
    )
    command.set_defaults(run=main)


def main(chosen: argparse.Namespace) -> int:
    """Print the comparison."""
    logging.getLogger("residue").setLevel(logging.ERROR)  # estimands without items are no news here
    for folder in (chosen.before, chosen.after):
        if not (folder / "tables" / "claims.parquet").is_file():
            sys.exit(f"{shown(folder)} holds no tables/claims.parquet; name a finished run.")
    parts = comparison(chosen.before, chosen.after, every=chosen.all)
    draw = _markdown if chosen.markdown else _text
    print("\n\n".join(draw(part) for part in parts))
    return 0


@dataclass(frozen=True)
class Part:
    """One table of the comparison."""

    title: str
    head: Sequence[str]
    rows: Rows
    note: str = ""


def comparison(before: Path, after: Path, *, every: bool = False) -> list[Part]:
    """The parts in their order; every: also show differences that may be none."""
    jobs = [_jobs(folder) for folder in (before, after)]
    return [
        Part("Config", ("key", "before", "after"), _config(*jobs)),
        Part("Code, data and programs", ("what", "before", "after"), _made_of(*jobs)),
        _verdicts(before, after),
        _differences(before, after, every),
    ]


def changes(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """(key path, value before, value after) wherever two JSON values differ; entries of a list that
    have names are compared by name."""
    before, after = _by_name(before), _by_name(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from changes(before.get(key), after.get(key), f"{where}.{key}".lstrip("."))
    elif before != after:
        yield where, _short(before), _short(after)


def _by_name(value: Any) -> Any:
    named = isinstance(value, list) and all(isinstance(e, dict) and "name" in e for e in value)
    return dict(unlisted(value)) if named and value else value


def _short(value: Any) -> str:
    text = "–" if value is None else provenance.canonical(value)
    return shown(text, LONGEST)


def _jobs(folder: Path) -> dict[str, dict[str, Any]]:
    """Manifests by what tells one job from another, each job once."""
    return {
        f"{job['stage']} {provenance.canonical(job['spec'].get('wildcards', {}))}": job
        for job in account.jobs_of(account.manifests_in(folder))
    }


def _config(before: Mapping[str, Any], after: Mapping[str, Any]) -> Rows:
    found = [
        change
        for key in before
        if key in after
        for change in changes(before[key]["spec"], after[key]["spec"])
    ]
    rows: Rows = list(dict.fromkeys(found))
    for jobs, others, place in ((before, after, 1), (after, before, 2)):
        alone = sorted({key.split()[0] for key in set(jobs) - set(others)})
        for stage in alone:
            count = sum(key.split()[0] == stage for key in set(jobs) - set(others))
            row = [f"jobs of {stage} on one side alone", "–", "–"]
            row[place] = str(count)
            rows.append(row)
    return rows


def _made_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Rows:
    both = [(before[key], after[key]) for key in before if key in after]
    stages = sorted({old["stage"] for old, new in both if old["code"] != new["code"]})
    rows: Rows = [(f"code of {stage}", "one", "another") for stage in stages]
    found: dict[tuple[str, str, str], None] = {}
    for old, new in both:
        made = {path for job in (old, new) for path in job["inputs"] if "results/" in path}
        for path in sorted(set(old["inputs"]) & set(new["inputs"]) - made):
            pair = old["inputs"][path], new["inputs"][path]
            if pair[0] != pair[1]:
                found[f"file {path}", pair[0][:12], pair[1][:12]] = None
        for name in sorted(set(old.get("versions", {})) & set(new.get("versions", {}))):
            versions = old["versions"][name], new["versions"][name]
            if versions[0] != versions[1]:
                found[f"version of {name}", *versions] = None
        if old.get("device") != new.get("device"):
            found[f"device of {old['stage']}", str(old["device"]), str(new["device"])] = None
    return rows + list(found)


def _verdicts(before: Path, after: Path) -> Part:
    keys = ["arm", "condition", "claim"]
    tables = [
        artifacts.read_parquet(f / "tables" / "claims.parquet").set_index(keys)["verdict"]
        for f in (before, after)
    ]
    old, new = (
        {"  ".join(map(str, key)): verdict for key, verdict in zip(t.index, t, strict=True)}
        for t in tables
    )
    rows: Rows = [
        (key, old.get(key, "not judged"), new.get(key, "not judged"))
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key) != new.get(key)
    ]
    same = sum(old.get(key) == verdict for key, verdict in new.items())
    return Part(
        "Verdicts", ("arm, condition, claim", "before", "after"), rows, f"{same} are the same."
    )


def _differences(before: Path, after: Path, every: bool) -> Part:
    from residue.report.paired import paired_differences
    from residue.report.words import interval, number, slice_name

    spec = json.loads(_manifest(after).read_text(encoding="utf-8"))["spec"]
    if not isinstance(spec["estimands"], list):
        sys.exit(f"{shown(after)} was made by an older version; run it again to compare it.")
    estimands = {n: load(EstimandSpec, e, n) for n, e in unlisted(spec["estimands"])}
    statistics = load(StatisticsSpec, spec["statistics"], "statistics")
    table = paired_differences(_measured(before), _measured(after), estimands, statistics)
    rows: Rows = []
    quiet = 0
    for row in table.to_dict("records"):
        ratio = row["statistic"] == "perplexity"
        nothing = 1.0 if ratio else 0.0
        sure = not (row["low"] <= nothing <= row["high"]) and not math.isnan(row["estimate"])
        if not (sure or every):
            quiet += 1
            continue
        rows.append(
            (
                row["estimand"] + (f", {slice_name(row['slice'])}" if row["slice"] else ""),
                f"{row['arm']} {'' if row['condition'] == 'plain' else row['condition']}".strip(),
                f"{number(row['estimate'], signed=not ratio)} "
                + interval(row["low"], row["high"], signed=not ratio),
                f"{row['n_items']}",
                f"{row['n_clusters']}×{row['n_seeds']}",
            )
        )
    note = f"{quiet} others may be none: their intervals hold no difference." if quiet else ""
    head = ("estimand", "arm", "after − before (perplexity: ratio)", "items", "clusters×seeds")
    return Part("Paired differences on the same items", head, rows, note)


def _manifest(folder: Path) -> Path:
    return provenance.manifest_path(folder / "tables" / "estimates.parquet")


def _measured(folder: Path) -> Any:
    """What the estimates of a run were made from, wherever its folder lies now."""
    from residue.report.paired import Run

    note = json.loads(_manifest(folder).read_text(encoding="utf-8"))
    old = note["output"].removesuffix("tables/estimates.parquet")
    inside = sorted(path.removeprefix(old) for path in note["inputs"] if path.startswith(old))
    parts: dict[str, list[Path]] = {"known": [], "decks": [], "measurements": []}
    for path in inside:
        kind = next(k for k in ("known", "decks", "measurements") if f"/{k}/" in f"/{path}")
        parts[kind].append(folder / path)
    read = artifacts.read_parquets
    return Run(read(parts["measurements"]), read(parts["decks"]), read(parts["known"]))


def _text(part: Part) -> str:
    rows = [part.head, *part.rows] if part.rows else []
    widths = [max(len(row[k]) for row in rows) for k in range(len(part.head))] if rows else []
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([part.title, *(lines or ["no difference"]), *filter(None, [part.note])])


def _markdown(part: Part) -> str:
    lines = [f"## {part.title}", ""]
    for row in [part.head, ["---"] * len(part.head), *part.rows] if part.rows else []:
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join([*lines, *([] if part.rows else ["No difference."]), "", part.note]).rstrip()
