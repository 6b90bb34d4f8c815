"""Config section `meta`: the test of the metrics themselves."""

from __future__ import annotations

from dataclasses import dataclass

from residue.specs.fields import SpecError

FEWEST_RANKED = 5
"""Metrics in common with a published table that a rank correlation needs: with four, its interval
has one degree of freedom and reaches from nearly -1 to 1 whatever the ranks."""


@dataclass(frozen=True)
class MetaSpec:
    """Which metrics can be fooled, judged on models of which the truth is known."""

    liars: tuple[str, ...] = ("suppressor", "destroyed")
    """Arms made to deceive: a metric that takes one for a model that never knew is fooled. Arms
    that the run lacks are passed over."""
    near: float = 0.5
    """How near the oracle a metric must put a model to take it for one that never knew: a share of
    the way from oracle to base, in either direction."""
    utility_loss: float = 0.2
    """Edited models that lose more than this share of the base's right answers on retain facts
    have no part in robustness, which would reward their ruin; nor have those that forgot little."""
    resamples: int = 2000
    """Bootstrap draws behind each interval."""

    def __post_init__(self) -> None:
        if len(set(self.liars)) < len(self.liars):
            raise SpecError("liars", "names an arm twice; keep one of them.")
        if not 0.0 < self.near < 1.0:
            raise SpecError("near", f"is a share between 0 and 1, got {self.near}.")
        if not 0.0 < self.utility_loss <= 1.0:
            raise SpecError(
                "utility_loss", f"lies above 0 and at most at 1; got {self.utility_loss}."
            )
        if self.resamples < 100:
            raise SpecError("resamples", "needs at least 100; say 2000.")
