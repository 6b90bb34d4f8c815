"""Training histories for the viewers that people have: TensorBoard, or Weights & Biases offline.

Both get one scalar per column and update. Neither package is needed by anything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_tensorboard(history: pd.DataFrame, folder: Path) -> None:
    """Write a history as event files; `tensorboard --logdir` shows the folder and its siblings."""
    from tensorboard.summary import Writer

    writer = Writer(str(folder))
    for step, scalars in _scalars(history):
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)
    writer.close()


def to_wandb(history: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a history as an offline run of the project `residue`; `wandb sync` uploads it later."""
    import wandb

    run = wandb.init(project="residue", name=name, dir=str(folder), mode="offline")
    for step, scalars in _scalars(history):
        run.log(scalars, step=step)
    run.finish()


def _scalars(history: pd.DataFrame) -> Iterator[tuple[int, dict[str, Any]]]:
    """Update by update its number, counted on over the steps of an arm, and its finite numbers."""
    names = history.select_dtypes("number").columns.drop("step")
    for place, row in enumerate(history.to_dict("records"), start=1):
        values = {name: float(row[name]) for name in names}
        yield place, {name: value for name, value in values.items() if math.isfinite(value)}


def export(out: Path, target: Path, kind: str) -> list[Path]:
    """Every training history of a run, written for `kind` (``tensorboard`` or ``wandb``) under
    `target`; the histories found."""
    from residue.core.artifacts import read_parquet

    found = sorted(out.glob("arms/*/pair*/seed*/history.parquet"))
    found += sorted(out.glob("models/pair*/*/history.parquet"))
    for file in found:
        name = "-".join(file.parent.relative_to(out).parts[1:])
        table = read_parquet(file)
        if kind == "tensorboard":
            to_tensorboard(table, target / name)
        else:
            target.mkdir(parents=True, exist_ok=True)
            to_wandb(table, target, name)
    return found
