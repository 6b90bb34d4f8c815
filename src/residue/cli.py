"""The command `residue`: what a run found, cost and left stale, its graph, its config keys.

With ``--write FILE`` a command puts what it would print between ``<!-- command -->`` and
``<!-- /command -->`` of a Markdown file, so that documents show what the program made;
``reference --write`` writes whole files of its own.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from residue import account, verify
from residue.commands import audit, compare, export, histories, memory
from residue.core import artifacts
from residue.core.text import shown

IN_HEADLINES = ("headline", "part")


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
        if name == "scorecard":
            only = "headlines and the claims that they are made of, no others"
            command.add_argument("--headlines", action="store_true", help=only)
    told = "the schema and the table of every config key, made from the typed specs"
    made = commands.add_parser("reference", help=told, description=told)
    made.add_argument("--write", action="store_true", help="make config/schema.json and README.md")
    _add_verify(commands)
    for longer in (audit, compare, export, histories, memory):
        longer.add(commands)
    chosen = parser.parse_args(arguments)
    if hasattr(chosen, "run"):
        sys.exit(chosen.run(chosen))
    if chosen.command == "verify":
        sys.exit(say_stale(chosen.out, chosen.configfile))
    if chosen.command == "reference":
        reference(Path.cwd() / "config", write=chosen.write)
        return
    if chosen.command == "scorecard":
        text = scorecard(chosen.out, headlines=chosen.headlines)
        text = f"```\n{text}\n```" if chosen.write else text
    elif chosen.command == "ledger":
        text = ledger(chosen.out)
    else:
        text = rulegraph(Path.cwd())
    if chosen.write:
        refresh(chosen.write, chosen.command, text)
    else:
        print(text)


def _add_verify(commands: Any) -> None:
    command = commands.add_parser("verify", help="name every result that is stale")
    command.add_argument("out", type=Path, nargs="?", help="a copy, if not the config's own `out`")
    command.add_argument(
        "--configfile", nargs="+", default=[], metavar="FILE", help="as snakemake was given it"
    )


def say_stale(out: Path | None, configfiles: list[str]) -> int:
    """Print each stale result of the project in this folder with its reason; the exit code.

    Lines go to standard output as ``path: reason``, what to do to standard error.
    """
    try:
        found = verify.verify(verify.plan(Path.cwd(), configfiles), Path.cwd(), out)
    except verify.PlanError as error:
        sys.exit(f"snakemake could not plan this project:\n{error}")
    if not found.seen and not found.stale:
        sys.exit(f"{found.unmade[0]} and all others were never made; run snakemake first.")
    for path, reason in found.stale:
        print(shown(f"{path}: {reason}"))
    counts = f"{len(found.stale)} stale of {found.seen}, {len(found.unmade)} not made yet"
    for path in found.left_over:
        print(shown(f"{path}: left over, no job of this config makes it"), file=sys.stderr)
    mend = "; delete the stale ones and run snakemake again" if found.stale else ""
    print(counts + mend, file=sys.stderr)
    return 1 if found.stale else 0


def scorecard(out: Path, *, headlines: bool = False) -> str:
    """The claims table of a run; of headlines and their parts alone, if that is asked."""
    from residue.report.scorecard import scorecard_text

    table = out / "tables" / "claims.parquet"
    if not table.is_file():
        sys.exit(f"{shown(table)} does not exist; run snakemake first, or name the run's folder.")
    claims = artifacts.read_parquet(table)
    return scorecard_text(claims[claims["role"].isin(IN_HEADLINES)] if headlines else claims)


def ledger(out: Path) -> str:
    """Jobs, CPU-seconds and peak memory per rule, each job once."""
    jobs = account.jobs_of(account.manifests_in(out))
    if not jobs:
        sys.exit(f"{shown(out)} holds no manifests; run snakemake first, or name the run's folder.")
    stages: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        stages.setdefault(job["stage"], []).append(job)
    lines = ["| rule | jobs | CPU-s | CPU-s per job | peak MB |", "|---|---|---|---|---|"]
    for stage, rows in sorted(stages.items(), key=lambda item: -_cpu_seconds(item[1])):
        cpu, peak = _cpu_seconds(rows), max(row["peak_memory_mb"] for row in rows)
        lines.append(
            f"| {shown(stage)} | {len(rows)} | {cpu:.1f} | {cpu / len(rows):.1f} | {peak:.0f} |"
        )
    lines.append(f"| all | {len(jobs)} | {_cpu_seconds(jobs):.1f} | | |")
    return "\n".join(lines)


def _cpu_seconds(jobs: list[dict[str, Any]]) -> float:
    return sum(float(job["cpu_seconds"]) for job in jobs)


def rulegraph(project: Path) -> str:
    """The rules of a project as a mermaid block for Markdown, the same text at every call."""
    # Not of the target `all`, which asks for every file: its arrows would hide the others.
    command = [sys.executable, "-m", "snakemake", "write_page", "--rulegraph", "mermaid-js"]
    command += ["--quiet", "all"]
    done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", done.stdout))
    arrows = re.findall(r"(id\d+) --> (id\d+)", done.stdout)
    # Sorted by name: Snakemake's own order and numbers differ from call to call.
    lines = sorted(f"    {names[before]} --> {names[after]}" for before, after in arrows)
    return "\n".join(["```mermaid", "flowchart TB", *lines, "```"])


def reference(folder: Path, *, write: bool) -> None:
    """Make the generated files of the config folder, or stop where one is stale."""
    from residue.specs import reference as made

    if not folder.is_dir():
        sys.exit(f"{folder} does not exist; run this in the folder of the project.")
    if write:
        made.write(folder)
    stale = made.stale(folder)
    if stale:
        names = ", ".join(f"config/{name}" for name in stale)
        sys.exit(f"stale: {names}; run `{made.COMMAND}`")
    print("config/schema.json and config/README.md say what the specs say")


def refresh(file: Path, name: str, text: str) -> None:
    """Put a text between the markers of its name in a Markdown file."""
    old = file.read_text(encoding="utf-8")
    block = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", flags=re.DOTALL)
    if not block.search(old):
        sys.exit(f"{shown(file)} has no lines '<!-- {name} -->' and '<!-- /{name} -->'; add them.")
    file.write_text(block.sub(lambda m: f"{m[1]}{text}\n{m[2].lstrip()}", old), encoding="utf-8")


if __name__ == "__main__":
    main()
