"""`residue plan`: how much memory jobs will take, of a run or of a model's config.json alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from residue.core.text import shown


def add(commands: Any) -> None:
    """Enter the command in the parser of the command line."""
    told = "memory of every update: as a run planned it, or for a model's config.json alone"
    command = commands.add_parser("plan", help=told, description=told)
    command.add_argument("out", type=Path, nargs="?", default=Path("results"))
    command.add_argument(
        "--model", type=Path, metavar="FOLDER", help="holds config.json; no weights needed"
    )
    command.add_argument("--length", type=int, default=256, help="tokens of a sequence")
    command.add_argument("--sequences", type=int, default=3, help="sequences forwarded at once")
    command.add_argument("--supervised", type=float, default=1.0, help="share of tokens learnt")
    command.add_argument("--rank", type=int, default=16, help="of the LoRA adapter")
    command.add_argument("--base", choices=("full", "nf4"), default="nf4", help="weights held")
    command.add_argument("--keep", action="store_true", help="keep blocks, do not recompute them")
    command.add_argument("--moments", type=int, choices=(8, 32), default=8, help="bits of Adam's")
    command.add_argument("--dtype", default="bfloat16", help="of what is not in NF4")
    command.add_argument("--limit", type=float, default=6.0, help="GiB")
    command.set_defaults(run=main)


def main(chosen: argparse.Namespace) -> int:
    """Print the plan; 1 where something cannot fit."""
    from residue.edits import planning

    if chosen.model is not None:
        return _of_model(chosen)
    from residue.core.artifacts import read_parquet

    table = chosen.out / "tables" / "memory.parquet"
    if not table.is_file():
        sys.exit(
            f"{shown(table)} does not exist; run `snakemake plan_memory`, or name a model's folder "
            "with --model"
        )
    plan = read_parquet(table)
    print(shown_lines(planning.as_text(plan)))
    return int(bool((plan["share"] > 1).any()))


def _of_model(chosen: argparse.Namespace) -> int:
    if not (chosen.model / "config.json").is_file():
        sys.exit(f"{shown(chosen.model)} holds no config.json; name the folder of a saved model")
    import pandas as pd

    from residue.edits import planning
    from residue.edits.methods.lora import Edit
    from residue.models import memory

    config = planning.config_of(chosen.model)
    shape, model = (
        memory.shape_of(config, chosen.dtype),
        memory.on_meta(config, chosen.dtype).requires_grad_(False),
    )
    Edit(rank=chosen.rank).attach(model, seed=0, place=1)
    tokens = chosen.sequences * chosen.length
    plan = memory.training(
        shape,
        memory.kept_bytes(model, chosen.sequences, chosen.length),
        trained=shape.lora(chosen.rank),
        tokens=tokens,
        supervised=round(tokens * chosen.supervised),
        base=chosen.base,
        recompute=not chosen.keep,
        moments=chosen.moments,
    )
    limit = chosen.limit * memory.GIB
    said = memory.verdict(plan, limit)
    parts = {name: getattr(plan, name) / memory.GIB for name in planning.PARTS}
    row = {"rule": "one update", "arm": "lora", "step": 1, "at_once": chosen.sequences, **parts}
    row |= {"total": plan.total / memory.GIB, "limit": chosen.limit}
    row |= {"share": plan.total / limit, "verdict": said}
    print("GiB:", planning.as_text(pd.DataFrame([row])), sep="\n")
    if said == "too large":
        print(f"to make it fit: {', '.join(_mends(chosen))}", file=sys.stderr)
    return int(said == "too large")


def _mends(chosen: argparse.Namespace) -> list[str]:
    """What would take less, of the options as they were chosen."""
    told = {
        "--base nf4": chosen.base == "full",
        "no --keep": chosen.keep,
        "--moments 8": chosen.moments == 32,
        "fewer --sequences": chosen.sequences > 1,
        "a smaller --length": chosen.length > 1,
    }
    return [mend for mend, there in told.items() if there] + ["a smaller model"]


def shown_lines(text: str) -> str:
    """A text of several lines, each safe to show."""
    return "\n".join(shown(line, 400) for line in text.split("\n"))
