"""Config section `measures`: the numbers made of each deck, and what the base must know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from residue.specs.fields import Named, SpecError

METRICS = "measure.metrics"
"""Folder of the metric files that the config names."""


@dataclass(frozen=True)
class KnownSpec:
    """When the base counts as knowing a fact; asked on templates other than the one scored."""

    share: float = 1.0
    """Smallest share of a fact's items in other templates that the base must answer exactly. Lower
    it and more facts count as known, including facts the base only half holds."""

    least: int = 1
    """Fewest items in other templates needed to decide; a fact with fewer counts as unknown. 0 also
    counts facts that are asked in one wording only, unfiltered."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SpecError("share", "must lie above 0 and at most at 1.")
        if self.least < 0:
            raise SpecError(
                "least", "must not be negative; 0 counts what nothing decides as known."
            )


@dataclass(frozen=True)
class MeasuresSpec:
    """The measurements of a run: metrics per deck and the base-knows rule."""

    metrics: dict[str, tuple[Annotated[str, Named(METRICS)], ...]] = field(
        default_factory=lambda: {
            "facts": (
                "exact_answer",
                "answer_probability",
                "extraction_strength",
                "exact_memorisation",
                "perplexity",
                "first_rank_row",
            ),
            "lens": ("lens_recall", "lens_log_odds", "lens_rank"),
            "orders": ("instruction_accuracy", "orders_obeyed", "right_under_attack"),
        }
    )
    """Metric files (`measure/metrics/<name>.py`) to compute on each deck; adding one re-runs the
    measurements of its deck and what reads them."""

    known: KnownSpec = field(default_factory=KnownSpec)
    """The base-knows rule: forgetting is counted only where there was something to forget."""

    def __post_init__(self) -> None:
        for deck, names in self.metrics.items():
            if len(set(names)) < len(names):
                raise SpecError(f"metrics.{deck}", "names a metric twice; keep one of them.")
        if not self.metrics.get("lens"):
            raise SpecError("metrics.lens", "is empty; name lens_recall at least.")
        if "exact_answer" not in self.metrics.get("facts", ()):
            raise SpecError(
                "metrics.facts", "lacks exact_answer, which decides what the base knows; add it."
            )
