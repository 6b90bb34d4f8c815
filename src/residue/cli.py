"""The command `residue`: what a run found, what it cost, and the picture of its graph.

With ``--write FILE`` a command puts what it would print between ``<!-- command -->`` and
``<!-- /command -->`` of a Markdown file, so that documents show what the program made.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from residue.core import artifacts

PARTS = ("world", "models", "arms", "records", "measurements", "tables", "report")
"""Folders of a run."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(prog="residue", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("scorecard", "the claims of a run and their verdicts, as a short table"),
        ("ledger", "CPU-seconds and peak memory per rule, from the manifests of a run"),
        ("rulegraph", "the rules of the project in this folder, as a mermaid drawing"),
    ):
        command = commands.add_parser(name, help=text)
        if name != "rulegraph":
            command.add_argument("out", type=Path, nargs="?", default=Path("results"))
        command.add_argument("--write", type=Path, metavar="FILE", help="refresh it in this file")
    chosen = parser.parse_args(arguments)
    if chosen.command == "scorecard":
        text = f"```\n{scorecard(chosen.out)}\n```" if chosen.write else scorecard(chosen.out)
    elif chosen.command == "ledger":
        text = ledger(chosen.out)
    else:
        text = rulegraph(Path.cwd())
    if chosen.write:
        refresh(chosen.write, chosen.command, text)
    else:
        print(text)


def scorecard(out: Path) -> str:
    """The claims table of a run."""
    from residue.report.scorecard import scorecard_text

    table = out / "tables" / "claims.parquet"
    if not table.is_file():
        sys.exit(f"{table} does not exist; run snakemake first, or name the run's folder.")
    return scorecard_text(artifacts.read_parquet(table))


def ledger(out: Path) -> str:
    """Jobs, CPU-seconds and peak memory per rule, each job once."""
    jobs: dict[str, dict[str, Any]] = {}
    # Folders by name: an overlay's run may lie inside the default one's.
    for path in (file for part in PARTS for file in (out / part).rglob("*.manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        key = json.dumps([manifest["stage"], manifest["spec"], manifest["inputs"]], sort_keys=True)
        jobs[key] = manifest
    if not jobs:
        sys.exit(f"{out} holds no manifests; run snakemake first, or name the run's folder.")
    stages: dict[str, list[dict[str, Any]]] = {}
    for job in jobs.values():
        stages.setdefault(job["stage"], []).append(job)
    lines = ["| rule | jobs | CPU-s | CPU-s per job | peak MB |", "|---|---|---|---|---|"]
    for stage, rows in sorted(stages.items(), key=lambda item: -_cpu_seconds(item[1])):
        cpu, peak = _cpu_seconds(rows), max(row["peak_memory_mb"] for row in rows)
        lines.append(f"| {stage} | {len(rows)} | {cpu:.1f} | {cpu / len(rows):.1f} | {peak:.0f} |")
    lines.append(f"| all | {len(jobs)} | {_cpu_seconds(list(jobs.values())):.1f} | | |")
    return "\n".join(lines)


def _cpu_seconds(jobs: list[dict[str, Any]]) -> float:
    return sum(float(job["cpu_seconds"]) for job in jobs)


def rulegraph(project: Path) -> str:
    """The rules of a project as a mermaid block for Markdown."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js", "--quiet", "all"]
    done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    drawn = done.stdout[done.stdout.index("flowchart") :].strip()
    plain = [line for line in drawn.splitlines() if not line.lstrip().startswith("style ")]
    edges = [line for line in plain if "-->" in line]
    # Snakemake draws its edges in the order of a set, which differs from run to run.
    edges.sort(key=lambda line: [int(number) for number in re.findall(r"\d+", line)])
    nodes = [line for line in plain if "-->" not in line]
    return "```mermaid\n" + "\n".join([*nodes, *edges]) + "\n```"


def refresh(file: Path, name: str, text: str) -> None:
    """Put a text between the markers of its name in a Markdown file."""
    old = file.read_text(encoding="utf-8")
    block = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", flags=re.DOTALL)
    if not block.search(old):
        sys.exit(f"{file} has no lines '<!-- {name} -->' and '<!-- /{name} -->'; add them.")
    file.write_text(block.sub(lambda m: f"{m[1]}{text}\n{m[2].lstrip()}", old), encoding="utf-8")


if __name__ == "__main__":
    main()
