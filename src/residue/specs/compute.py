"""Config section `compute`: speed and place, which change no number and re-run no job but the plan
of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class ComputeSpec:
    """Where model jobs run, and how much memory they may take."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """`auto` takes the card when there is one that torch can use; `cpu` ignores it."""

    memory_gib: float | None = None
    """Memory that the plan holds jobs to, GiB; null is what the card, or the machine, has. A plan
    above it stops the run before any model is trained."""

    probe: tuple[str, ...] = ()
    """Arms of which one real update is made beforehand to compare its peak with the plan."""

    def __post_init__(self) -> None:
        if self.memory_gib is not None and self.memory_gib <= 0:
            raise SpecError("memory_gib", "must be above 0; null takes what there is.")
