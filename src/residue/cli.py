"""The command `residue`: print the scorecard, the ledger and the picture of the graph of a run."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from residue.core import artifacts


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command line."""
    parser = argparse.ArgumentParser(prog="residue", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("scorecard", "the claims of a run and their verdicts, as a short table"),
        ("ledger", "CPU-seconds and peak memory per rule, from the manifests of a run"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("out", type=Path, nargs="?", default=Path("results"))
    graph = commands.add_parser("rulegraph", help="the rules and their order, as a mermaid drawing")
    graph.add_argument("--write", type=Path, help="refresh the drawing inside this file")
    chosen = parser.parse_args(arguments)
    if chosen.command == "scorecard":
        scorecard(chosen.out)
    elif chosen.command == "ledger":
        ledger(chosen.out)
    else:
        rulegraph(chosen.write)


def scorecard(out: Path) -> None:
    """Print the claims table of a run."""
    from residue.report.scorecard import scorecard_text

    table = out / "tables" / "claims.parquet"
    if not table.is_file():
        sys.exit(f"{table} does not exist; run snakemake first, or name the run's folder.")
    print(scorecard_text(artifacts.read_parquet(table)))


def ledger(out: Path) -> None:
    """Print jobs, CPU-seconds and peak memory per rule, once per job."""
    jobs: dict[str, dict[str, float]] = {}
    for path in sorted(out.rglob("*.manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        key = json.dumps([manifest["stage"], manifest["spec"], manifest["inputs"]], sort_keys=True)
        jobs[key] = {"stage": manifest["stage"], **manifest}
    if not jobs:
        sys.exit(f"{out} holds no manifests; run snakemake first, or name the run's folder.")
    stages: dict[str, list[dict[str, float]]] = {}
    for job in jobs.values():
        stages.setdefault(str(job["stage"]), []).append(job)
    print("| rule | jobs | CPU-s | CPU-s per job | peak MB |")
    print("|---|---|---|---|---|")
    for stage, rows in sorted(stages.items(), key=lambda item: -_cpu(item[1])):
        peak = max(row["peak_memory_mb"] for row in rows)
        print(
            f"| {stage} | {len(rows)} | {_cpu(rows):.1f} | {_cpu(rows) / len(rows):.1f} | {peak:.0f} |"
        )
    print(f"| all | {len(jobs)} | {_cpu(list(jobs.values())):.1f} | | |")


def _cpu(rows: list[dict[str, float]]) -> float:
    return sum(row["cpu_seconds"] for row in rows)


FENCE = re.compile(r"```mermaid\n.*?```", flags=re.DOTALL)


def rulegraph(write: Path | None) -> None:
    """Print Snakemake's mermaid drawing of the rules, or put it into a Markdown file."""
    block = drawing(Path.cwd())
    if write is None:
        print(block)
        return
    text = write.read_text(encoding="utf-8")
    if not FENCE.search(text):
        sys.exit(f"{write} has no ```mermaid block to refresh; add an empty one.")
    write.write_text(FENCE.sub(lambda _: block, text, count=1), encoding="utf-8")


def drawing(project: Path) -> str:
    """The rules of a project as a mermaid block for Markdown."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "mermaid-js", "--quiet", "all"]
    done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    return f"```mermaid\n{done.stdout[done.stdout.index('flowchart') :].strip()}\n```"


if __name__ == "__main__":
    main()
