"""Config section `compute`: speed and place only. Nothing here changes a number or re-runs a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ComputeSpec:
    """Where model jobs run."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes the card when there is one that torch can use; `cpu` ignores it."""
