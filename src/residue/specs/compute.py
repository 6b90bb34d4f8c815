"""Config section `compute`: speed and place, which change no number and re-run no job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ComputeSpec:
    """Where model jobs run."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes the card when there is one that torch can use; `cpu` ignores it."""
