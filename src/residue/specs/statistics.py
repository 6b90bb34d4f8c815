"""Config section `statistics`: how every interval is made."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError


@dataclass(frozen=True)
class StatisticsSpec:
    """One setting for all intervals, so that no claim can choose its own."""

    level: float = 0.95
    """Level of every two-sided interval; 0.95 tests a margin at 2.5 % on each side. Raising it
    widens all intervals and makes verdicts rarer."""

    n_bootstrap: int = 4000
    """Resamples behind an interval from ten seeds on. More make the ends steadier and the job
    slower; below ten seeds nothing is resampled."""

    seed: int = 0
    """Start of the generator that draws the resamples; another value moves bootstrap ends within
    their Monte-Carlo error and nothing else."""

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise SpecError("level", f"must lie between 0 and 1, got {self.level}; say 0.95")
        if self.n_bootstrap < 1000:
            raise SpecError(
                "n_bootstrap", f"needs at least 1000 resamples for an end, got {self.n_bootstrap}"
            )
        if self.seed < 0:
            raise SpecError("seed", f"must not be negative, got {self.seed}")
