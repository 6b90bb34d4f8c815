"""`residue histories`: training histories of a run for TensorBoard or an offline W&B run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from residue.core.text import shown
from residue.report.histories import export

KINDS = ("tensorboard", "wandb")


def add(commands: Any) -> None:
    """Enter the command in the parser of the command line."""
    told = "write the training histories of a run for TensorBoard, or for W&B offline"
    command = commands.add_parser("histories", help=told, description=told)
    command.add_argument("out", type=Path, nargs="?", default=Path("results"))
    command.add_argument("--to", choices=KINDS, required=True, help="needs that package installed")
    command.add_argument("--target", type=Path, help="folder; OUT/histories/KIND if not given")
    command.set_defaults(run=main)


def main(chosen: argparse.Namespace) -> int:
    """Write the histories and say where they lie."""
    target = chosen.target or chosen.out / "histories" / chosen.to
    try:
        found = export(chosen.out, target, chosen.to)
    except ImportError as error:
        sys.exit(f"{shown(error)}: install {chosen.to} into this environment first")
    if not found:
        sys.exit(f"{shown(chosen.out)} holds no training history; run snakemake first")
    print(f"{len(found)} histories in {shown(target)}")
    return 0
