"""The peak memory of one real update, beside what was planned for it.

On a card torch's allocator says it. On the CPU it is the growth of the resident process from before
the model is loaded, which holds libraries' buffers as well: a rough upper bound.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from residue.core.process import peak_memory_mb
from residue.edits.recipes import train_arm
from residue.models.memory import GIB
from residue.specs.arms import ArmSpec
from residue.specs.model import LoadSpec

if TYPE_CHECKING:
    import pandas as pd


def peak_of_one_update(
    base: Path,
    recipe: ArmSpec,
    data: pd.DataFrame,
    defence: pd.DataFrame | None,
    *,
    load: LoadSpec,
    lens: Path | None = None,
    device: str,
) -> float:
    """Bytes at the peak of the first trained step's first update, weights included.

    lens: what its objective reads rows through, if it does.
    Looks at dev items and the check of an effect come after it and are left out.
    """
    import torch

    from residue.models.lean import lean_peft

    lean_peft()
    step = next(each for each in recipe.steps if each.objective is not None)
    plain = dataclasses.replace(step.train, limit=1, check_every=0, choose="last", patience=0,
                                stop_at=None)  # fmt: skip
    once = ArmSpec(steps=(dataclasses.replace(step, train=plain),), seeds=(0,))
    before = peak_memory_mb() * 1024**2
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with TemporaryDirectory() as folder:
        train_arm(
            base, once, data, arm="probe", pair=0, seed=0, home=folder, defence=defence,
            lens=lens, device=device, load=load,
        )  # fmt: skip
    if device == "cuda":
        return float(torch.cuda.max_memory_allocated())
    return peak_memory_mb() * 1024**2 - before


def probe_table(plan: pd.DataFrame, arm: str, measured: float, device: str) -> pd.DataFrame:
    """One row: arm, step, planned and measured GiB, measured over planned, device.

    planned: of the arm's first trained step, without a card's overhead, which the allocator does
    not see.
    """
    import pandas as pd

    row = plan[(plan["rule"] == "train_arm") & (plan["arm"] == arm)].iloc[0]
    planned = float(row["total"] - row["overhead"])
    line = {
        "arm": arm,
        "step": int(row["step"]),
        "planned": planned,
        "measured": measured / GIB,
        "ratio": measured / GIB / planned,
        "device": device,
    }
    return pd.DataFrame([line])
